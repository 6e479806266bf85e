// Words, numbers and times, as the reader's language writes them. All text is in text.LANGUAGE.js.

/** @typedef {keyof typeof import("./text.en.js").default} Key */
/** @typedef {string | number | null | undefined} Plain */

export const lang = document.documentElement.lang === "es" ? "es" : "en";
/** @type {Record<string, string | {one: string, other: string}>} */
const catalogue = (await import(`./text.${lang}.js`)).default;
const plural = new Intl.PluralRules(lang);
const grouped = new Intl.NumberFormat(lang, { useGrouping: "always", maximumFractionDigits: 0 });
const NARROW = "\u202f"; // between a number and its unit
/** @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} */
const formats = new Map(); // making one costs a hundred times what using it does

/** A number in a format. @param {number} x @param {Intl.NumberFormatOptions} options */
function number(x, options) {
  const key = JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.NumberFormat(lang, options);
  formats.set(key, known);
  return minus(known.format(x));
}

/** A moment in a format. @param {number} at @param {Intl.DateTimeFormatOptions} options */
function moment(at, options) {
  const key = JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(lang, options);
  formats.set(key, known);
  return known.format(at * 1000);
}

/**
 * Give a text of the catalogue; `{name}` is replaced, and `n` chooses between one and many.
 * @param {Key} key
 * @param {Record<string, Plain>} [values]
 */
export function t(key, values = {}) {
  const found = catalogue[key];
  const text =
    typeof found === "object" ? found[Number(values.n) === 1 && plural.select(1) === "one" ? "one" : "other"] : found;
  return (text ?? key).replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? count(value) : String(value ?? "");
  });
}

/**
 * The same with elements in it: the parts around the values, as a list to be drawn.
 * @param {Key} key
 * @param {Record<string, any>} values
 * @returns {any[]}
 */
export function rich(key, values) {
  const text = t(key, Object.fromEntries(Object.keys(values).map((name) => [name, `\u0001${name}\u0001`])));
  return text.split("\u0001").map((part, at) => (at % 2 ? values[part] : part));
}

/** Tell whether the catalogue has a text of this name. @param {string} key @returns {key is Key} */
export const known = (key) => key in catalogue;

/** @param {string} text */
const minus = (text) => text.replace("-", "\u2212");

/** A whole number with its groups. @param {number} n */
export const count = (n) => minus(grouped.format(n));

/**
 * A number with at most four significant digits; the full value belongs in the title.
 * @param {number | null | undefined} x
 * @param {number} [digits] Digits after the point, where a column asks for the same in each row.
 */
export function num(x, digits) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "\u2212∞";
  const size = Math.abs(x);
  if (digits !== undefined && size < 1e6)
    return number(x, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (size >= 1e6 || (size > 0 && size < 1e-3))
    return minus(
      x
        .toExponential(2)
        .replace(/\.?0+e/, "e")
        .replace("e+", "e"),
    );
  return number(x, { maximumSignificantDigits: Math.max(4, Math.trunc(size).toString().length) });
}

/** Digits after the point that tell the values of an axis apart. @param {(number | null)[]} list */
export const digitsOf = (list) =>
  Math.max(0, ...list.map((v) => (v === null ? 0 : (String(Number(v.toPrecision(10))).split(".")[1]?.length ?? 0))));

/** A difference, with its sign. @param {number} x @param {number} [digits] */
export const signed = (x, digits) => (x > 0 ? "+" : "") + num(x, digits);

/** A share as per cent. @param {number | null | undefined} x @param {number} [digits] */
export function pct(x, digits = 1) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  return number(100 * x, { maximumFractionDigits: digits }) + NARROW + "%";
}

/** @param {number} x @param {string} unit */
export const unit = (x, unit) => num(x) + NARROW + unit;

/** Bytes, in thousands. @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let [at, x] = [0, bytes];
  while (x >= 1000 && at < 4) [at, x] = [at + 1, x / 1000];
  return (
    (at && x < 100 ? num(Math.round(x * 10) / 10) : count(Math.round(x))) + NARROW + ["B", "kB", "MB", "GB", "TB"][at]
  );
}

/** Milliseconds. @param {number | null | undefined} x */
export function ms(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (x < 1) return num(Math.round(x * 1000)) + NARROW + "µs";
  return (x < 100 ? num(Math.round(x * 10) / 10) : count(Math.round(x))) + NARROW + "ms";
}

/** How long something took. @param {number | null | undefined} seconds */
export function took(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds < 1) return ms(seconds * 1000);
  if (seconds < 90) return num(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)) + NARROW + "s";
  if (seconds < 5400) return count(Math.round(seconds / 60)) + NARROW + "min";
  if (seconds < 129600) return num(Math.round(seconds / 360) / 10) + NARROW + "h";
  return count(Math.round(seconds / 86400)) + NARROW + "d";
}

/** A moment in words: relative up to a day, then the date. @param {number} at @param {number} [now] */
export function ago(at, now = Date.now() / 1000) {
  const past = now - at;
  if (past < 45) return t("time.now");
  if (past < 3600) return t("time.minutes", { n: Math.max(1, Math.round(past / 60)) });
  if (past < 86400) return t("time.hours", { n: Math.round(past / 3600) });
  return day(at);
}

/** @param {number} at */
export function day(at) {
  const year = new Date(at * 1000).getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return moment(at, { day: "numeric", month: "short", year });
}

/** @param {number} at */
export const full = (at) => moment(at, { dateStyle: "full", timeStyle: "long" });

/** Time of day; with seconds where lines follow each other. @param {number} at @param {boolean} [seconds] */
export const clock = (at, seconds = false) =>
  moment(at, {
    hour: "2-digit",
    minute: "2-digit",
    second: seconds ? "2-digit" : undefined,
    hour12: false,
  });

/** The start of a digest or id, enough to recognise it. @param {string} id */
export const short = (id) => id.replace(/^[a-z0-9]+:/, "").slice(0, 8);

/** Someone's name without what kind of agent it is. @param {string} agent */
export const person = (agent) => agent.replace(/^[a-z]+:/, "") || "–";
