// The start: which page an address means, and the frame around it.

import { follow, offline } from "./api.js";
import { place, title } from "./nav.js";
import { Shell } from "./shell.js";
import { Fail, Loading, html, project, render, t, to, useEffect, useState } from "./ui.js";

/**
 * @typedef {object} Page
 * @property {string} section Entry of the navigation that it belongs to.
 * @property {string} module File that draws it.
 * @property {RegExp} path What follows the project's address.
 * @property {string[]} names Names of the groups of `path`.
 * @property {boolean} [full] Whether it fills the window and scrolls inside.
 */

/** @type {Page[]} */
const PAGES = [
  { section: "overview", module: "overview", path: /^$/, names: [] },
  { section: "data", module: "data", path: /^data$/, names: [] },
  { section: "data", module: "dataset", path: /^data\/([^/]+)$/, names: ["name"] },
  { section: "data", module: "dataset", path: /^data\/([^/]+)\/compare\/([^/]+)$/, names: ["name", "range"] },
  { section: "label", module: "label", path: /^label$/, names: [] },
  { section: "label", module: "editor", path: /^label\/([^/]+)$/, names: ["queue"], full: true },
  { section: "runs", module: "runs", path: /^runs$/, names: [], full: true },
  { section: "runs", module: "compare", path: /^runs\/compare$/, names: [] },
  { section: "runs", module: "run", path: /^runs\/([^/]+)$/, names: ["run"] },
  { section: "models", module: "models", path: /^models$/, names: [] },
  { section: "models", module: "models", path: /^models\/([^/]+)$/, names: ["name"] },
  { section: "models", module: "model", path: /^models\/([^/]+)\/([^/]+)$/, names: ["name", "version"] },
  { section: "serving", module: "serving", path: /^serving$/, names: [] },
  { section: "serving", module: "deployment", path: /^serving\/([^/]+)$/, names: ["name"] },
  { section: "monitor", module: "monitor", path: /^monitor$/, names: [] },
  { section: "monitor", module: "monitor", path: /^monitor\/([^/]+)$/, names: ["name"] },
  { section: "flows", module: "flows", path: /^flows$/, names: [] },
  { section: "flows", module: "flows", path: /^flows\/([^/]+)$/, names: ["flow"] },
  { section: "lineage", module: "lineage", path: /^lineage$/, names: [] },
];

/** @typedef {{section: string, module: string, full: boolean, params: Record<string, string>}} Found */

/** What an address means. @param {string} path @returns {Found} */
function find(path) {
  if (path === "/settings") return { section: "settings", module: "settings", full: false, params: {} };
  const base = path === "/" ? "" : path.replace(/^\/p\/[^/]+\/?/, "").replace(/\/$/, "");
  for (const page of PAGES) {
    const match = page.path.exec(base);
    if (match)
      return {
        ...page,
        full: page.full ?? false,
        params: Object.fromEntries(page.names.map((name, at) => [name, decodeURIComponent(match[at + 1])])),
      };
  }
  return { section: "", module: "missing", full: false, params: { path } };
}

/** The way to the page, for the line at the top. @param {Found} found @returns {[string, string | null][]} */
function crumbs({ section, params }) {
  /** @type {[string, string | null][]} */
  const way = [[project, to()]];
  if (section)
    way.push([
      t(/** @type {any} */ (`nav.${section}`)),
      section === "settings" ? "/settings" : to(section === "overview" ? null : section),
    ]);
  const base = to(section, params.name ?? params.run ?? params.queue ?? params.flow);
  const name = params.name ?? params.run ?? params.queue ?? params.flow;
  if (name) way.push([title.value || name, base]);
  if (params.range) way.push([params.range.replace("..", " … "), null]);
  if (params.version)
    way.push([/^\d/.test(params.version) ? t("v", { v: params.version.replace("-", " ") }) : params.version, null]);
  if (place.value.path.endsWith("/runs/compare")) way.push([t("compare"), null]);
  return way;
}

/** @type {Map<string, any>} */
const loaded = new Map();

/** Draw the page of an address, fetching its module at the first visit. @param {{found: Found}} props */
function Page({ found }) {
  const [, drawn] = useState("");
  const [error, fail] = useState(/** @type {any} */ (null));
  useEffect(() => {
    fail(null);
    if (loaded.has(found.module)) return;
    import(`./${found.module}.js`).then(
      (module) => (loaded.set(found.module, module.default), drawn(found.module)),
      () => fail({ message: t("error.module"), hint: t("error.module.hint"), request: "" }),
    );
  }, [found.module]);
  const Body = loaded.get(found.module);
  if (error)
    return html`<div class="page">
      <h1 class="vh">${t("error.title")}</h1>
      <${Fail} error=${error} again=${() => location.reload()} />
    </div>`;
  return Body
    ? html`<${Body} key=${place.value.path} ...${found.params} />`
    : html`<div class="page"><${Loading} block rows=${3} /></div>`;
}

function App() {
  const found = find(place.value.path);
  const way = crumbs(found);
  const words = way
    .map(([label]) => label)
    .slice(1)
    .reverse();
  useEffect(() => {
    document.title = [...words, project, "Cauce"].join(" · ");
  }, [words.join()]);
  return html`<${Shell} section=${found.section} crumbs=${way} full=${found.full} offline=${offline.value}>
    <${Page} found=${found} />
  <//>`;
}

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.textContent = "";
render(html`<${App} />`, root);
follow();
