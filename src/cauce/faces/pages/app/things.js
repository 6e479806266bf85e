// The things of a project: what they are called, where their page is, and what is done with them.

import { change } from "./api.js";
import { ask, go, html, t, to, toast, withQuery } from "./ui.js";
import { short } from "./words.js";

/** @typedef {{id: string, type: string, kind: string, name: string, at: number, agent: string, outcome: string, refs: string[], depth: number}} Node */

/** @type {Record<string, import("./ui.js").IconName>} */
const KIND_ICONS = { dataset: "data", annotations: "label", labelling: "label", merge: "swap", add: "plus", train: "runs", artifact: "file", export: "swap", optimise: "bolt", model: "models", evaluation: "check", compare: "swap", deploy: "serving", deployment: "serving", prediction: "monitor", drift: "monitor", profile: "monitor", report: "file", register: "models" };

/** @param {Node} node */
export const iconOf = (node) => KIND_ICONS[node.kind] ?? (node.type === "run" ? "runs" : "file");

/** The readable name of a node: the ref that names it best, else what it was stored as. @param {Node} node */
export function nameOf(node) {
  const numbered = (node.refs ?? []).find((ref) => /@v?\d/.test(ref)) ?? node.refs?.[0];
  if (numbered) return numbered.replace(/^.*\//, "").replace("@", node.kind === "model" && /@\d/.test(numbered) ? " v" : " ");
  if (node.type === "prediction") return t("lineage.prediction", { id: node.id.slice(-6) });
  return node.name || short(node.id);
}

/** The kind of a node in words. @param {Node} node */
export const kindOf = (node) => t(/** @type {any} */ (`kind.${node.kind}`));

/** The page of a node, or its lineage where it has none. @param {Node} node */
export function pageOf(node) {
  const ref = (node.refs ?? []).find((item) => /@v?\d/.test(item)) ?? node.refs?.[0] ?? "";
  const [name, tag] = ref.replace(/^.*\//, "").split("@");
  if (node.type === "run") return to("runs", node.id);
  if (name && node.kind === "dataset") return withQuery(to("data", name), { v: tag });
  if (name && node.kind === "model") return to("models", name, tag.replace(/-.*/, ""));
  if (name && node.kind === "deployment") return to("serving", name);
  return withQuery(to("lineage"), { of: node.type === "prediction" ? `prediction:${node.id}` : node.id });
}

/** The name of a version: its number, and what was made of it. @param {any} version */
export const versionName = (version) => t("v", { v: version.number }) + (version.variant ? ` ${version.variant}` : "");

/** @param {{tags: string[]}} props */
export const Aliases = ({ tags }) => html`${tags.map((tag) => html`<span key=${tag} class=${`badge ${tag === "champion" ? "acc" : ""}`} style="margin-right:4px">${tag}</span>`)}`;

/** A parameter as it was given. @param {any} value */
export const plain = (value) => (value === undefined || value === null ? html`<span class="faint">–</span>` : String(typeof value === "number" ? Number(value.toPrecision(12)) : value));

/** Ask for a name, then turn a run's model into a registered version. @param {any} run @param {string} [known] */
export function register(run, known = "") {
  let name = known;
  ask({
    title: t("register.title", { name: run.name }),
    body: html`<p>${t("register.text")}</p><label class="field"><span>${t("register.name")}</span><input class="input" value=${name} onInput=${(/** @type {any} */ event) => (name = event.target.value)} /></label><p class="mute small">${t("register.note")}</p>`,
    verb: t("register"),
    run: async () => {
      const version = await change("models.register", { run: run.id, name });
      toast(t("register.done", { name, v: version.number }));
      go(to("models", name, version.number));
    },
  });
}
