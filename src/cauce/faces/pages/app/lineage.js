// What one thing was made from, and what was made from it.

import { useCall } from "./api.js";
import { Dag, GraphTable, kindOf, nameOf, simplify } from "./things.js";
import { Empty, Head, Loaded, Panel, Seg, html, t, to, useEffect, useQuery, useState, withQuery } from "./ui.js";

export default function Lineage() {
  const [of, look] = useQuery("of");
  const [direction, turn] = useQuery("direction", "up");
  const [view, show] = useQuery("view", "graph");
  const [detail, tell] = useQuery("detail", "short");
  const graph = useCall(of ? "lineage.show" : null, { of, direction, limit: 300 });
  const start = graph.value?.nodes.find((/** @type {any} */ node) => node.id === graph.value.start);
  const shown = graph.value ? (detail === "short" ? simplify(graph.value) : graph.value) : { nodes: [] };
  return html`<div class="page">
    <${Head}
      title=${start ? html`${nameOf(start)} <span class="light">${kindOf(start)}</span>` : t("nav.lineage")}
      sub=${graph.value ? t("lineage.sub", { shown: shown.nodes.length, n: graph.value.nodes.length }) : t("lineage.what")}
    >
      ${
        of
          ? html`
        <${Seg}
          name=${t("lineage.direction")}
          options=${[
            ["up", t("lineage.up")],
            ["down", t("lineage.down")],
            ["both", t("lineage.both")],
          ]}
          value=${direction}
          pick=${(/** @type {string} */ key) => turn(key)}
        />
        <${Seg}
          name=${t("lineage.detail")}
          options=${[
            ["short", t("lineage.short")],
            ["whole", t("lineage.whole")],
          ]}
          value=${detail}
          pick=${(/** @type {string} */ key) => tell(key)}
        />
        <${Seg}
          name=${t("view")}
          options=${[
            ["graph", t("view.graph")],
            ["table", t("view.table")],
          ]}
          value=${view}
          pick=${(/** @type {string} */ key) => show(key)}
        />
      `
          : null
      }
    <//>
    <${Ask} of=${of} look=${look} />
    ${
      of
        ? html`<section class="panel">
      <${Loaded} of=${graph} block rows=${2}>
        ${(/** @type {any} */ value) => html`
          ${
            view === "graph"
              ? html`<div class="in">
            <${Dag} graph=${shown} label=${t("lineage.label", { n: shown.nodes.length })} here=${value.start} />
          </div>`
              : html`<${GraphTable} graph=${shown} />`
          }
          ${value.truncated ? html`<footer>${t("lineage.cut", { n: value.nodes.length })}</footer>` : null}
        `}
      <//>
    </section>`
        : html`<${Start} />`
    }
  </div>`;
}

/** Where to look: a field that takes what the command takes. @param {{of: string, look: (value: string) => void}} props */
function Ask({ of, look }) {
  const [typed, type] = useState(of);
  useEffect(() => type(of), [of]);
  return html`<form class="row" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), look(typed.trim()))}>
    <input
      class="input grow mono"
      data-filter
      aria-label=${t("lineage.of")}
      placeholder=${t("lineage.of.hint")}
      spellcheck=${false}
      value=${typed}
      onInput=${(/** @type {any} */ event) => type(event.target.value)}
    />
    <button class="btn" type="submit">${t("lineage.show")}</button>
  </form>`;
}

/** Things to start from. */
function Start() {
  const models = useCall("models.ls", {}).value ?? [];
  const sets = useCall("data.ls", {}).value ?? [];
  const live = useCall("serve.ls", {}).value ?? [];
  const links = [
    ...live.map((/** @type {any} */ item) => [`deployment:${item.name}`, item.name, "deployment"]),
    ...models.map((/** @type {any} */ item) => [
      `model:${item.name}@${item.latest.number}`,
      `${item.name} ${t("v", { v: item.latest.number })}`,
      "model",
    ]),
    ...sets.map((/** @type {any} */ item) => [`dataset:${item.name}`, `${item.name} ${item.number}`, "dataset"]),
  ];
  if (!links.length)
    return html`<div class="panel">
      <${Empty} title=${t("lineage.empty")} text=${t("lineage.empty.text")} line="cauce data add FOLDER" />
    </div>`;
  return html`<${Panel} title=${t("lineage.start")}>
    <ul class="list">
      ${links.map(
        ([of, name, kind]) => html`<li key=${of}>
        <a href=${withQuery(to("lineage"), { of })}>${name}</a>
        <span class="faint">${t(/** @type {any} */ (`kind.${kind}`))}</span>
      </li>`,
      )}
    </ul>
  <//>`;
}
