// Data sets, one a row.

import { useCall } from "./api.js";
import { Cmd, Empty, Head, Loaded, Panel, Table, When, html, t, to } from "./ui.js";
import { count, size } from "./words.js";

export default function Data() {
  const sets = useCall("data.ls", {}, { on: /dataset/ });
  /** @type {import("./ui.js").Column[]} */
  const columns = [
    {
      key: "name",
      label: t("col.name"),
      by: (row) => row.name,
      cell: (row) => html`<a href=${to("data", row.name)}>${row.name}</a>`,
    },
    {
      key: "version",
      label: t("col.version"),
      cell: (row) => html`<span class="badge acc">${row.number || t("none")}</span>`,
    },
    { key: "files", label: t("col.files"), num: true, by: (row) => row.files, cell: (row) => count(row.files) },
    { key: "size", label: t("col.size"), num: true, by: (row) => row.size, cell: (row) => size(row.size) },
    {
      key: "versions",
      label: t("col.versions"),
      num: true,
      by: (row) => row.versions,
      cell: (row) => count(row.versions),
    },
    {
      key: "created",
      label: t("col.changed"),
      num: true,
      by: (row) => row.created,
      cell: (row) => html`<span class="faint"><${When} at=${row.created} /></span>`,
    },
  ];
  return html`<div class="page">
    <${Head} title=${t("nav.data")} sub=${sets.value?.length ? t("data.sub", { n: sets.value.length }) : null} />
    <${Loaded} of=${sets}>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? html`
        <${Panel} title=${t("data.sets")} note=${count(rows.length)}>
          <${Table}
            name=${t("data.sets")}
            columns=${columns}
            rows=${rows}
            id=${(/** @type {any} */ row) => row.name}
            open=${(/** @type {any} */ row) => to("data", row.name)}
            sort="name"
          />
        <//>
        <${Panel} title=${t("data.more")}>
          <div class="in stack" style="gap:8px">
            <p class="mute">${t("data.more.text")}</p>
            <${Cmd} line="cauce data add FOLDER" />
          </div>
        <//>
      `
          : html`<div class="panel">
        <${Empty} title=${t("data.empty")} text=${t("data.empty.text")} line="cauce data add FOLDER" />
      </div>`}
    <//>
  </div>`;
}
