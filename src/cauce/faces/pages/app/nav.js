// Where the reader is: addresses, the state of a view in the address, and keys.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** @param {string} name */
const meta = (name) => document.querySelector(`meta[name="cauce-${name}"]`)?.getAttribute("content") ?? "";

export const project = meta("project");
export const agent = meta("agent");

/** What the page is called, where its address holds only an id. */
export const title = signal("");

/** The address as the pages read it; changes with every navigation. */
export const place = signal(read());

function read() {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/**
 * Give the address of a page of this project: `to("data", name)`.
 * @param {...(string | number | null | undefined)} parts
 */
export const to = (...parts) =>
  "/" +
  ["p", project, ...parts]
    .filter((part) => part !== null && part !== undefined && part !== "")
    .map((part) => encodeURIComponent(String(part)))
    .join("/");

/**
 * Add a query to an address; empty values are left out.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} query
 */
export function withQuery(path, query) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString().replace(/%3A/g, ":").replace(/%40/g, "@").replace(/%2C/g, ",");
  return text ? `${path}?${text}` : path;
}

/**
 * Go to an address of the pages.
 * @param {string} address
 * @param {{replace?: boolean}} [options] replace: not a step for the Back button.
 */
export function go(address, { replace = false } = {}) {
  if (address === location.pathname + location.search) return;
  const moved = new URL(address, location.origin).pathname !== location.pathname;
  if (moved) title.value = "";
  history[replace ? "replaceState" : "pushState"](null, "", address);
  place.value = read();
  if (moved && !replace) scrollTo(0, 0);
}

/**
 * Read one part of the view's state from the address, and give the function that changes it.
 * @param {string} name
 * @param {string} [normal] What it is when the address says nothing.
 * @returns {[string, (value: string, options?: {replace?: boolean}) => void]}
 */
export function useQuery(name, normal = "") {
  const value = place.value.query.get(name) ?? normal;
  return [value, (next, options) => go(changed({ [name]: next === normal ? "" : next }), options)];
}

/** Give this page's address with some of its query changed. @param {Record<string, string | null>} changes */
export function changed(changes) {
  return withQuery(location.pathname, { ...Object.fromEntries(new URLSearchParams(location.search)), ...changes });
}

addEventListener("popstate", () => {
  if (location.pathname !== place.value.path) title.value = "";
  place.value = read();
});

addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (
    !link ||
    event.defaultPrevented ||
    event.button ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  const href = link.getAttribute("href") ?? "";
  if (href === "/" || href === "/settings" || href.startsWith("/p/") || href.startsWith("?")) {
    event.preventDefault();
    go(href.startsWith("?") ? location.pathname + href : href);
  }
});

/**
 * @typedef {object} Key
 * @property {string} key As the browser names it; "g d" is a sequence, "Shift+D" needs Shift.
 * @property {string} label What it does.
 * @property {(event: KeyboardEvent) => void} run
 * @property {string} [shown] What the list of keys shows instead.
 */

/** Groups of keys that work now, the newest first. @type {import("@preact/signals").Signal<{title: string, latest: {current: Key[]}}[]>} */
export const keys = signal([]);

/**
 * Let keys work while a part of a page is shown; the functions are always those drawn last.
 * @param {string} title
 * @param {Key[]} list
 */
export function useKeys(title, list) {
  const latest = useRef(list);
  latest.current = list;
  useEffect(() => {
    const group = { title, latest };
    keys.value = [group, ...keys.peek()];
    return () => void (keys.value = keys.peek().filter((other) => other !== group));
  }, [title]);
}

let prefix = "";
let prefixed = 0;

/** @param {EventTarget | null} target */
const typing = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !/checkbox|radio|range|button/.test(target.type)));

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  const plain = event.shiftKey && /^[a-z]$/i.test(event.key) ? `Shift+${event.key.toUpperCase()}` : event.key;
  const now = Date.now();
  const wanted = prefix && now - prefixed < 1200 ? `${prefix} ${plain}` : plain;
  prefix = "";
  for (const group of keys.peek()) {
    const found = group.latest.current.find((item) => item.key === wanted);
    if (found) {
      if (
        (wanted === "Enter" || wanted === " ") &&
        event.target instanceof Element &&
        event.target.closest("a, button, input, summary")
      )
        return;
      event.preventDefault();
      found.run(event);
      return;
    }
  }
  if (plain === "g") [prefix, prefixed] = [plain, now];
});
