// Names: the rules of protocol.md, section 3.

const objectRule = /^(?=[\s\S]{1,255}$)(?!(?:.*\/)?\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+){0,7}$/;
const deviceRule = /^[A-Za-z0-9._~-]{1,64}$/;
const namesForbidden: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const utf8 = new TextEncoder();

/** 1 to 8 segments, the first is the kind; at most 255 bytes. */
export function isObjectName(name: string): boolean {
  return objectRule.test(name);
}

/** 1 to 128 bytes without control characters and `*`; a status slot's has a user in it. */
export function isSlotName(name: string): boolean {
  return isText(name, 128) && !name.includes("*") && name !== "@" && !namesForbidden.has(name);
}

/** A slot name, or the beginning of one followed by `*`. */
export function isPattern(pattern: string): boolean {
  if (!pattern.endsWith("*")) return isSlotName(pattern);
  const beginning = pattern.slice(0, -1);
  return beginning === "" || (isText(beginning, 128) && !beginning.includes("*"));
}

/** 1 to 64 bytes without control characters and `*`, not beginning with `@`. */
export function isUserName(name: string): boolean {
  return isText(name, 64) && !name.includes("*") && !name.startsWith("@");
}

/** 1 to 64 bytes of `[A-Za-z0-9._~-]`. */
export function isDeviceName(name: string): boolean {
  return deviceRule.test(name);
}

/** 1 to 64 bytes without control characters. */
export function isSendName(name: string): boolean {
  return isText(name, 64);
}

/** A user whose name is in NFC: only such a one has friends and is one. */
export function isMember(name: string): boolean {
  return isUserName(name) && name.normalize("NFC") === name;
}

/** 1 to 128 bytes without control characters, in NFC, into which the server brings it. */
export function isAlias(text: string): boolean {
  return isText(text.normalize("NFC"), 128);
}

/** 1 to 64 bytes, likewise. */
export function isGroup(text: string): boolean {
  return isText(text.normalize("NFC"), 64);
}

/** Whether `slot` is one that `patterns` select; without patterns every slot is. */
export function isFollowed(slot: string, patterns: readonly string[] | undefined): boolean {
  if (patterns === undefined) return true;
  return patterns.some((pattern) => (pattern.endsWith("*") ? slot.startsWith(pattern.slice(0, -1)) : slot === pattern));
}

/** Well-formed text of 1 to `bytes_max` bytes without control characters. */
function isText(text: string, bytes_max: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text) || /\p{Surrogate}/u.test(text)) return false;
  const length = utf8.encode(text).length;
  return length >= 1 && length <= bytes_max;
}
