// The registry: models, or the versions of one.

import { useCall } from "./api.js";
import { Aliases, versionName } from "./things.js";
import { Empty, Head, Ico, Id, Loaded, Num, Panel, Table, When, html, t, to, withQuery } from "./ui.js";
import { count, size } from "./words.js";

/** @param {{name?: string}} props */
export default function Models({ name }) {
  return name ? html`<${Versions} name=${name} />` : html`<${Registry} />`;
}

function Registry() {
  const models = useCall("models.ls", {}, { on: /model/ });
  /** @type {import("./ui.js").Column[]} */
  const columns = [
    {
      key: "name",
      label: t("col.name"),
      by: (row) => row.name,
      cell: (row) => html`<a href=${to("models", row.name)}>${row.name}</a>`,
    },
    {
      key: "champion",
      label: t("col.champion"),
      by: (row) => row.champion?.number,
      cell: (row) =>
        row.champion
          ? html`<a href=${to("models", row.name, row.champion.number)}>${versionName(row.champion)}</a>`
          : html`<span class="faint">${t("models.none")}</span>`,
    },
    {
      key: "latest",
      label: t("models.latest"),
      by: (row) => row.latest.number,
      cell: (row) => html`<a href=${to("models", row.name, row.latest.number)}>${versionName(row.latest)}</a>`,
    },
    {
      key: "accuracy",
      label: t("col.accuracy"),
      num: true,
      by: (row) => row.latest.accuracy,
      cell: (row) => html`<${Num} x=${row.latest.accuracy} />`,
    },
    {
      key: "size",
      label: t("col.size"),
      num: true,
      by: (row) => row.latest.size,
      cell: (row) => size(row.latest.size),
    },
    {
      key: "versions",
      label: t("col.versions"),
      num: true,
      by: (row) => row.versions,
      cell: (row) => count(row.versions),
    },
    {
      key: "updated",
      label: t("col.changed"),
      num: true,
      by: (row) => row.updated,
      cell: (row) => html`<span class="faint"><${When} at=${row.updated} /></span>`,
    },
  ];
  return html`<div class="page">
    <${Head}
      title=${t("nav.models")}
      sub=${models.value?.length ? t("models.sub", { n: models.value.length }) : null}
    />
    <${Loaded} of=${models}>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? html`<${Panel} title=${t("models.registry")} note=${count(rows.length)}>
        <${Table}
          name=${t("models.registry")}
          columns=${columns}
          rows=${rows}
          id=${(/** @type {any} */ row) => row.name}
          open=${(/** @type {any} */ row) => to("models", row.name)}
          sort="name"
        />
      <//>`
          : html`<div class="panel">
        <${Empty}
          title=${t("models.empty")}
          text=${t("models.empty.text")}
          line="cauce models register latest --name NAME"
        />
      </div>`}
    <//>
  </div>`;
}

/** @param {{name: string}} props */
function Versions({ name }) {
  const versions = useCall("models.versions", { name }, { on: /model/ });
  /** @type {import("./ui.js").Column[]} */
  const columns = [
    {
      key: "number",
      label: t("col.version"),
      by: (row) => row.number + (row.variant ? 0.5 : 0),
      cell: (row) =>
        html`<a href=${to("models", name, row.number + (row.variant ? `-${row.variant}` : ""))}>${versionName(row)}</a>`,
    },
    { key: "aliases", label: t("models.aliases"), cell: (row) => html`<${Aliases} tags=${row.aliases} />` },
    {
      key: "accuracy",
      label: t("col.accuracy"),
      num: true,
      by: (row) => row.accuracy,
      cell: (row) => html`<${Num} x=${row.accuracy} />`,
    },
    { key: "size", label: t("col.size"), num: true, by: (row) => row.size, cell: (row) => size(row.size) },
    { key: "framework", label: t("models.framework"), by: (row) => row.framework, cell: (row) => row.framework },
    {
      key: "run",
      label: t("kind.run"),
      cell: (row) => (row.run ? html`<a href=${to("runs", row.run)}><${Id} of=${row.run.slice(-8)} /></a>` : "–"),
    },
    {
      key: "created",
      label: t("models.registered"),
      num: true,
      by: (row) => row.created,
      cell: (row) => html`<span class="faint"><${When} at=${row.created} /></span>`,
    },
  ];
  return html`<div class="page">
    <${Head}
      title=${name}
      sub=${versions.value ? t("models.versions", { n: versions.value.filter((/** @type {any} */ row) => !row.variant).length }) : "\u00a0"}
    >
      <a class="btn" href=${withQuery(to("lineage"), { of: `model:${name}@latest`, direction: "both" })}>
        <${Ico} n="lineage" />
        ${t("nav.lineage")}
      </a>
    <//>
    <${Loaded} of=${versions}>
      ${(/** @type {any[]} */ rows) => html`<${Panel} title=${t("col.versions")} note=${count(rows.length)}>
        <${Table}
          name=${t("col.versions")}
          columns=${columns}
          rows=${rows}
          id=${(/** @type {any} */ row) => row.id}
          open=${(/** @type {any} */ row) => to("models", name, row.number + (row.variant ? `-${row.variant}` : ""))}
          sort="-number"
        />
      <//>`}
    <//>
  </div>`;
}
