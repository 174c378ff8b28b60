//! `SLOTCAST_*` variables. One that is not known is an error: it would otherwise be a setting that does nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::error::{ConfigError, Place, unknown};
use super::{Config, limits, setting};

const PREFIX: &str = "SLOTCAST_";
const CONFIG: &str = "SLOTCAST_CONFIG";
const LIMITS: &str = "SLOTCAST_LIMITS_";

/// One variable and what it does to the configuration.
type Setter = fn(&mut Config, &str) -> Result<(), String>;

const SETTERS: [(&str, Setter); 12] = [
    ("SLOTCAST_LISTEN", |config, text| setting::listen(text).map(|address| config.listen = address)),
    ("SLOTCAST_WORKERS", |config, text| setting::workers_text(text).map(|workers| config.workers = workers)),
    ("SLOTCAST_DEV", |config, text| setting::flag(text).map(|dev| config.dev = dev)),
    ("SLOTCAST_PAGES", |config, text| setting::pages(text.into()).map(|folder| config.pages = Some(folder))),
    ("SLOTCAST_DATA", |config, text| setting::data(text.into()).map(|folder| config.data = folder)),
    ("SLOTCAST_TLS_CERTIFICATE", |config, text| {
        config.tls_certificate = Some(text.into());
        Ok(())
    }),
    ("SLOTCAST_TLS_KEY", |config, text| {
        config.tls_key = Some(text.into());
        Ok(())
    }),
    ("SLOTCAST_BEHIND_PROXY", |config, text| setting::proxies(text).map(|proxies| config.proxies = proxies)),
    ("SLOTCAST_METRICS", |config, text| setting::metrics(text).map(|public| config.public_metrics = public)),
    ("SLOTCAST_ORIGINS", |config, text| origins(text).map(|origins| config.origins = origins)),
    ("SLOTCAST_LOG", |config, text| setting::log(text.to_owned()).map(|log| config.log = log)),
    ("SLOTCAST_LOG_FORMAT", |config, text| setting::log_format(text).map(|json| config.log_json = json)),
];

/// Not the server's: the command line's own, and those of the tests.
const OTHERS: [&str; 3] = ["SLOTCAST_TOKEN", "SLOTCAST_URL", "SLOTCAST_BIN"];
const OTHERS_BEGIN: [&str; 2] = ["SLOTCAST_TEST_", "SLOTCAST_SEED"];

/// The variables that are about the server, all of them known.
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && !is_other(name));
        let ours: BTreeMap<String, String> = ours.collect();
        for name in ours.keys() {
            if name != CONFIG && !name.starts_with(LIMITS) && setter(name).is_none() {
                let known = SETTERS.iter().map(|(known, _)| *known).chain([CONFIG]);
                return Err(Place::Variable(name).error(unknown("variable", name, known)));
            }
        }
        Ok(Environment(ours))
    }

    /// The file that the environment names.
    pub fn config_file(&self) -> Option<&Path> {
        self.0.get(CONFIG).filter(|path| !path.is_empty()).map(Path::new)
    }

    pub fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        for (name, text) in &self.0 {
            let set = if let Some(limit) = name.strip_prefix(LIMITS) {
                limits::set_text(Arc::make_mut(&mut config.limits), &limit.to_ascii_lowercase(), text)
            } else {
                setter(name).map_or(Ok(()), |set| set(config, text))
            };
            set.map_err(|why| Place::Variable(name).error(why))?;
        }
        Ok(())
    }
}

fn setter(name: &str) -> Option<Setter> {
    SETTERS.iter().find(|(known, _)| *known == name).map(|(_, set)| *set)
}

fn is_other(name: &str) -> bool {
    OTHERS.contains(&name) || OTHERS_BEGIN.iter().any(|beginning| name.starts_with(beginning))
}

fn origins(text: &str) -> Result<Vec<String>, String> {
    let each = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    each.map(setting::origin).collect()
}
