// Deployments: what answers under which name.

import { useCall } from "./api.js";
import { Copy, Empty, Head, Loaded, Mark, Panel, Table, When, html, t, to } from "./ui.js";
import { count, person } from "./words.js";

/** The page of a model that a deployment runs: `digits@2-int8`. @param {string} model */
export const modelPage = (model) => to("models", ...model.split("@"));

export default function Serving() {
  const deployments = useCall("serve.ls", {}, { on: /deployment/, every: 15 });
  /** @type {import("./ui.js").Column[]} */
  const columns = [
    {
      key: "name",
      label: t("col.name"),
      by: (row) => row.name,
      cell: (row) => html`<a href=${to("serving", row.name)}>${row.name}</a>`,
    },
    {
      key: "state",
      label: t("col.state"),
      by: (row) => row.url,
      cell: (row) =>
        row.url ? html`<${Mark} s="ok">${t("serving.up")}<//>` : html`<${Mark} s="off">${t("serving.off")}<//>`,
    },
    {
      key: "model",
      label: t("kind.model"),
      by: (row) => row.live.model,
      cell: (row) => html`<a href=${modelPage(row.live.model)}>${row.live.model.replace("@", " v")}</a>`,
    },
    {
      key: "number",
      label: t("serving.number"),
      num: true,
      by: (row) => row.live.number,
      cell: (row) => count(row.live.number),
    },
    {
      key: "versions",
      label: t("col.versions"),
      num: true,
      by: (row) => row.versions,
      cell: (row) => count(row.versions),
    },
    {
      key: "moved",
      label: t("serving.since"),
      num: true,
      by: (row) => row.live.moved,
      cell: (row) => html`<span class="faint"><${When} at=${row.live.moved} /></span>`,
    },
    {
      key: "by",
      label: t("col.by"),
      by: (row) => row.live.agent,
      cell: (row) => html`<span class="mute">${person(row.live.agent)}</span>`,
    },
    {
      key: "url",
      label: t("serving.address"),
      cell: (row) =>
        row.url ? html`<span class="row"><code>${row.url}</code><${Copy} text=${row.url} /></span>` : "–",
    },
  ];
  return html`<div class="page">
    <${Head}
      title=${t("nav.serving")}
      sub=${deployments.value?.length ? t("serving.sub", { n: deployments.value.length }) : null}
    />
    <${Loaded} of=${deployments}>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? html`<${Panel} title=${t("serving.deployments")} note=${count(rows.length)}>
        <${Table}
          name=${t("serving.deployments")}
          columns=${columns}
          rows=${rows}
          id=${(/** @type {any} */ row) => row.name}
          open=${(/** @type {any} */ row) => to("serving", row.name)}
          sort="name"
        />
      <//>`
          : html`<div class="panel">
        <${Empty} title=${t("serving.empty")} text=${t("serving.empty.text")} line="cauce serve deploy NAME@latest" />
      </div>`}
    <//>
  </div>`;
}
