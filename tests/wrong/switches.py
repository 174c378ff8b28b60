"""Many wrong versions in one build: the body of each function that has some stands there right and once per wrong version,
and SLOTCAST_WRONG, the number of a row, says which one runs."""
import collections
import re

VARIABLE = "SLOTCAST_WRONG"
# All the others use this crate.
HOME = "server/protocol/src/lib.rs"
# The tests read the frames as a part of their own, and are upon the protocol too.
PLACES = ("server/protocol/src/", "server/state/src/", "server/node/src/gateway/frames/")
SWITCH = f"""
extern crate self as slotcast_protocol;

pub fn is_wrong(row: usize) -> bool {{
    static ROW: std::sync::LazyLock<Option<usize>> = std::sync::LazyLock::new(|| {{
        let text = std::env::var("{VARIABLE}").ok()?;
        Some(text.parse().expect("the number of a row"))
    }});
    *ROW == Some(row)
}}
"""
# What a compiler evaluates has no switch, and what has two bodies has one type.
HEAD = re.compile(r"^( *)(?:pub(?:\([a-z ]*\))? )?fn \w", re.M)


def body_around(text, start, end):
    """Where the outermost function around a place has its body. rustfmt sees to it that its braces stand where the function begins."""
    for head in HEAD.finditer(text, 0, start):
        opens = re.compile(rf"^{head[1]}(?! ).*{{\n", re.M).search(text, head.start())
        closes = re.compile(rf"^{head[1]}}}\n", re.M).search(text, head.start())
        if opens and closes and opens.end() <= start and end <= closes.start():
            return None if "-> impl" in text[head.start() : opens.end()] else (opens.end(), closes.start())
    return None


def sort(root, rows):
    """The rows that have a body to be switched, by file and body; and those that need a build of their own. A row is a number and its words."""
    bodies, alone = collections.defaultdict(list), []
    for number, wrong in rows:
        text = (root / wrong["file"]).read_text()
        start = text.index(wrong["old"])
        body = body_around(text, start, start + len(wrong["old"]))
        if body and wrong["file"].startswith(PLACES):
            bodies[wrong["file"], body].append((number, wrong))
        else:
            alone.append((number, wrong))
    return bodies, alone


def build_in(root, copy, bodies):
    """Writes the files of `bodies` to `copy`, each body with its wrong versions."""
    texts = {HOME: (root / HOME).read_text()}
    # From the last to the first, so that the places of the others stay what they are.
    for (file, (start, end)), rows in sorted(bodies.items(), reverse=True):
        text = texts.get(file) or (root / file).read_text()
        right = text[start:end]
        wrongs = (f"if slotcast_protocol::is_wrong({number}) {{\n{right.replace(wrong['old'], wrong['new'])}}} else " for number, wrong in rows)
        texts[file] = f"{text[:start]}{''.join(wrongs)}{{\n{right}}}\n{text[end:]}"
    texts[HOME] += SWITCH
    for file, text in texts.items():
        (copy / file).write_text(text)
