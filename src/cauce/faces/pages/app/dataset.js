// One data set: what is in a version, its versions, and what changed between two.

import { objectUrl, useCall } from "./api.js";
import { Bars } from "./charts.js";
import {
  Cmd,
  Copy,
  Empty,
  Figure,
  Head,
  Ico,
  Id,
  Loaded,
  Panel,
  Seg,
  Table,
  When,
  changed,
  go,
  html,
  t,
  to,
  useQuery,
  withQuery,
} from "./ui.js";
import { count, num, pct, person, signed, size } from "./words.js";

const IMAGE = /\.(png|jpe?g|gif|webp|bmp|svg)$/i;
const PARTS = ["var(--seq-5)", "var(--seq-3)", "var(--c2)", "var(--c6)", "var(--c4)", "var(--c5)", "var(--c7)"];

/** @typedef {{split: string, label: string, count: number}} Share */

/** Splits of a version: those with classes first. @param {Share[]} balance */
const splits = (balance) =>
  [...new Set(balance.map((row) => row.split))].sort(
    (one, two) =>
      Number(!balance.some((row) => row.split === one && row.label)) -
        Number(!balance.some((row) => row.split === two && row.label)) ||
      Number(two === "train") - Number(one === "train"),
  );

/** @param {{path: string, digest?: string, note?: any}} props */
export const Picture = ({
  path,
  digest,
  note,
}) => html`<a href=${digest ? objectUrl(digest) : null} target="_blank" rel="noopener" title=${path}>
  ${digest && IMAGE.test(path) ? html`<img src=${objectUrl(digest)} alt=${path} loading="lazy" width="92" height="92" />` : html`<span class="noimg"><${Ico} n="file" /></span>`}
  <span class="cap">
    <span class="mono">${path.split("/").pop()}</span>
    ${note ? html`<span class="badge">${note}</span>` : null}
  </span>
</a>`;

/** @param {{name: string, range?: string}} props */
export default function Dataset({ name, range }) {
  const [tab] = useQuery("tab", "browse");
  const [asked] = useQuery("v");
  const v = asked && numbered(asked);
  const versions = useCall("data.versions", { name }, { on: /dataset/ });
  const latest = versions.value?.[0];
  const shown = range ? "compare" : tab;
  const spec = v ? `${name}@${v}` : name;
  const page = useCall("data.show", { spec, limit: 1 }, { on: v ? null : /dataset/ });
  const version = page.value?.version;
  const tabs = /** @type {[string, any, any?][]} */ ([
    ["browse", t("data.browse")],
    ["versions", t("col.versions"), versions.value?.length],
    ["compare", t("compare")],
  ]);
  const link = (/** @type {string} */ key) =>
    key === "compare"
      ? to("data", name, "compare", range ?? between(versions.value ?? []))
      : withQuery(to("data", name), { tab: key === "browse" ? null : key, v });
  return html`<div class="page">
    <${Head}
      title=${name}
      sub=${
        version
          ? html`
        <span class="badge acc">${version.number || t("none")}</span> ${t("data.version.sub", { files: version.count, size: size(version.size) })}
        ${version.message ? ` · ${version.message}` : ""}
      `
          : "\u00a0"
      }
    >
      ${
        versions.value?.length > 1 && shown !== "compare"
          ? html`<label class="row small mute">
        ${t("col.version")} <select
          class="input"
          value=${version?.number ?? ""}
          onChange=${(/** @type {any} */ event) => go(changed({ v: event.target.value === latest?.number ? null : event.target.value, prefix: null, after: null }))}
        >
          ${versions.value.map((/** @type {any} */ row) => html`<option value=${row.number}>${row.number}</option>`)}
        </select>
      </label>`
          : null
      }
      <a class="btn" href=${withQuery(to("lineage"), { of: `dataset:${spec}`, direction: "both" })}>
        <${Ico} n="lineage" />
        ${t("nav.lineage")}
      </a>
    <//>
    <nav class="tabs" aria-label=${t("tabs")}>
      ${tabs.map(([key, label, n]) =>
        key === "compare" && (versions.value?.length ?? 0) < 2
          ? null
          : html`<a key=${key} href=${link(key)} aria-current=${shown === key ? "page" : null}>
        ${label}
        ${n ? html` <span class="n">${n}</span>` : null}
      </a>`,
      )}
    </nav>
    ${shown === "versions" ? html`<${Versions} name=${name} versions=${versions} />` : null}
    ${
      shown === "compare"
        ? html`<${Compare} name=${name} range=${range ?? ""} versions=${versions.value ?? []} />`
        : null
    }
    ${
      shown === "browse"
        ? html`<${Loaded} of=${page} block>
        ${(/** @type {any} */ value) => html`<${Browse} spec=${spec} page=${value} />`}
      <//>`
        : null
    }
  </div>`;
}

/** The two newest versions, as an address names them. @param {any[]} versions */
const between = (versions) => (versions.length > 1 ? `${versions[1].number}..${versions[0].number}` : "");

/** @param {{spec: string, page: any}} props */
function Browse({ spec, page }) {
  const [prefix, look] = useQuery("prefix");
  const balance = /** @type {Share[]} */ (page.balance);
  const all = splits(balance);
  const labelled = all.filter((split) => balance.some((row) => row.split === split && row.label));
  const labels = [...new Set(balance.filter((row) => row.label).map((row) => row.label))].sort((a, b) =>
    a.localeCompare(b, undefined, { numeric: true }),
  );
  const of = (/** @type {string} */ split, /** @type {string | null} */ label = null) =>
    balance
      .filter((row) => row.split === split && (label === null || row.label === label))
      .reduce((sum, row) => sum + row.count, 0);
  const rows = labels.map((label) => ({ name: label, parts: labelled.map((split) => of(split, label)) }));
  const thin =
    labels.length > 2 && labelled.length
      ? labels.map((label) => ({ label, n: of(labelled[0], label) })).sort((a, b) => a.n - b.n)[0]
      : null;
  const mean = labels.length ? of(labelled[0] ?? "") / labels.length : 0;
  return html`<div class="cols side">
    <div class="stack">
      <${Samples}
        spec=${spec}
        prefix=${prefix}
        look=${look}
        balance=${balance}
        all=${all}
        total=${page.version.count}
      />
    </div>
    <aside class="stack">
      ${
        rows.length
          ? html`<${Panel} title=${t("data.balance")} note=${t("data.balance.note")}>
        <div class="in">
          <${Bars} label=${t("data.balance.label", { n: labels.length })} rows=${rows} colors=${PARTS} />
          <div class="legend">
            ${labelled.map((split, i) => html`<span key=${split}><i style=${`background:${PARTS[i]}`}></i>${split} ${count(of(split))}</span>`)}
          </div>
          ${
            thin && thin.n < mean * 0.7
              ? html`<p class="small" style="margin-top:8px">
            <span class="warn-t">▲</span> ${t("data.thin", { label: thin.label, n: thin.n, mean: Math.round(mean), split: labelled[0] })}
          </p>`
              : null
          }
        </div>
      <//>`
          : null
      }
      <${Panel} title=${t("data.folders")}>
        <ul class="list small">
          ${all.map(
            (split) => html`<li key=${split} style="padding:7px 14px">
            <span>${split || "/"}</span>
            <span class="right tn">${count(of(split))}</span>
            <span class="faint tn" style="width:52px;text-align:right">
              ${pct(of(split) / Math.max(1, page.version.count))}
            </span>
          </li>`,
          )}
        </ul>
      <//>
      <${Facts} version=${page.version} />
    </aside>
  </div>`;
}

/** @param {{version: any}} props */
const Facts = ({
  version,
}) => html`<${Panel} title=${t("facts")} actions=${html`<${Copy} text=${version.id} label=${t("copy.id")} />`}>
  <div class="in">
    <dl class="kv s">
      <dt>${t("col.made")}</dt>
      <dd><${When} at=${version.created} />${version.agent ? `, ${person(version.agent)}` : ""}</dd>
      ${version.message ? html`<dt>${t("col.message")}</dt><dd>${version.message}</dd>` : null}
      <dt>${t("col.files")}</dt>
      <dd class="tn">${count(version.count)}</dd>
      <dt>${t("col.size")}</dt>
      <dd class="tn">${size(version.size)}</dd>
      <dt>${t("col.id")}</dt>
      <dd><${Id} of=${version.id} /></dd>
      ${version.run ? html`<dt>${t("kind.run")}</dt><dd><a href=${to("runs", version.run)}>${t("open")}</a></dd>` : null}
    </dl>
    <div style="margin-top:10px"><${Cmd} line=${`cauce data checkout --version ${version.number || "main"}`} /></div>
  </div>
<//>`;

const EACH = 6;

/** Pictures of a version: some of each class, or all of one folder, a page at a time. @param {any} props */
function Samples({ spec, prefix, look, balance, all, total }) {
  const [split] = prefix.split("/");
  const group = prefix ? split : (all[0] ?? "");
  const classes = balance
    .filter((/** @type {Share} */ row) => row.split === group && row.label)
    .map((/** @type {Share} */ row) => row.label)
    .sort((/** @type {string} */ a, /** @type {string} */ b) => a.localeCompare(b, undefined, { numeric: true }));
  const whole = prefix.includes("/") || !classes.length;
  const options = /** @type {[string, string][]} */ (all.map((/** @type {string} */ name) => [name, name || "/"]));
  return html`<section class="panel">
    <header class="wrap">
      ${
        all.length > 1
          ? html`<${Seg}
        name=${t("data.split")}
        options=${options}
        value=${group}
        pick=${(/** @type {string} */ name) => look(name === all[0] ? "" : name)}
      />`
          : html`<h2>${t("data.samples")}</h2>`
      }
      ${
        classes.length > 1
          ? html`<label class="row small mute right">
        ${t("col.class")} <select
          class="input"
          value=${whole ? prefix : ""}
          onChange=${(/** @type {any} */ event) => look(event.target.value || (group === all[0] ? "" : group))}
        >
          <option value="">${t("data.every")}</option>
          ${classes.map((/** @type {string} */ label) => html`<option key=${label} value=${`${group}/${label}`}>${label}</option>`)}
        </select>
      </label>`
          : null
      }
    </header>
    ${
      whole
        ? html`<${Folder} key=${spec + prefix} spec=${spec} prefix=${prefix || group} total=${total} />`
        : classes.slice(0, 24).map(
            (/** @type {string} */ label) => html`<${Row}
      key=${spec + group + label}
      spec=${spec}
      group=${group}
      label=${label}
      open=${() => look(`${group}/${label}`)}
    />`,
          )
    }
  </section>`;
}

/** @param {{spec: string, group: string, label: string, open: () => void}} props */
function Row({ spec, group, label, open }) {
  const page = useCall("data.show", { spec, prefix: `${group}/${label}`, limit: EACH }, { on: null });
  const n =
    page.value?.balance.find((/** @type {Share} */ row) => row.split === group && row.label === label)?.count ?? 0;
  return html`<div class="thumbs" style="grid-template-columns:76px repeat(6,minmax(0,1fr));align-items:start;padding-bottom:0">
    <button
      type="button"
      class="btn bare s"
      style="justify-content:flex-start;height:auto;text-align:left;display:grid;gap:0;padding:4px 6px"
      onClick=${open}
    >
      <b class="strong" style="color:var(--text)">${label}</b>
      <span class="faint">${t("data.of", { shown: Math.min(EACH, n), n })}</span>
    </button>
    ${(page.value?.entries ?? []).map((/** @type {any} */ entry) => html`<${Picture} key=${entry.path} path=${entry.path} digest=${entry.digest} />`)}
  </div>`;
}

/** Files below a folder of a split or class. @param {Share[]} balance @param {string} prefix */
const filesBelow = (balance, prefix) =>
  balance
    .filter((row) => `${[row.split, row.label].filter(Boolean).join("/")}/`.startsWith(`${prefix}/`))
    .reduce((sum, row) => sum + row.count, 0);

/** @param {{spec: string, prefix: string, total: number}} props */
function Folder({ spec, prefix, total }) {
  const [after] = useQuery("after");
  const page = useCall("data.show", { spec, prefix, after, limit: 120 }, { on: null });
  return html`<${Loaded} of=${page} block>
    ${(/** @type {any} */ value) => html`
      ${
        value.entries.length
          ? html`<div class="thumbs">
        ${value.entries.map((/** @type {any} */ entry) => html`<${Picture} key=${entry.path} path=${entry.path} digest=${entry.digest} />`)}
      </div>`
          : html`<${Empty}
        title=${t("data.nofiles")}
        text=${value.folders.length ? t("data.nofiles.folders", { n: value.folders.length }) : t("data.nofiles.text")}
      />`
      }
      ${
        value.entries.length
          ? html`<footer class="row small faint" style="padding:9px 14px;border-top:1px solid var(--line)">
        ${t("data.shown", { shown: value.entries.length, n: filesBelow(value.balance, prefix) || total })}
        <span class="right row">
          ${after ? html`<a class="btn s" href=${changed({ after: null })}>${t("first")}</a>` : null}
          ${value.next ? html`<a class="btn s" href=${changed({ after: value.next })}>${t("next")}</a>` : null}
        </span>
      </footer>`
          : null
      }
    `}
  <//>`;
}

/** @param {{name: string, versions: import("./api.js").Held}} props */
function Versions({ name, versions }) {
  /** @type {import("./ui.js").Column[]} */
  const columns = [
    {
      key: "number",
      label: t("col.version"),
      by: (row) => row.number,
      cell: (row) => html`<a href=${withQuery(to("data", name), { v: row.number })}>${row.number}</a>`,
    },
    {
      key: "message",
      label: t("col.message"),
      class: "wide",
      cell: (row) => row.message || html`<span class="faint">–</span>`,
    },
    { key: "files", label: t("col.files"), num: true, by: (row) => row.count, cell: (row) => count(row.count) },
    {
      key: "change",
      label: t("col.change"),
      num: true,
      by: (row) => row.change,
      cell: (row) =>
        row.change === null ? "–" : html`<span class=${row.change ? "" : "faint"}>${signed(row.change)}</span>`,
    },
    { key: "size", label: t("col.size"), num: true, by: (row) => row.size, cell: (row) => size(row.size) },
    { key: "by", label: t("col.by"), by: (row) => row.agent, cell: (row) => person(row.agent) },
    {
      key: "created",
      label: t("col.made"),
      num: true,
      by: (row) => row.created,
      cell: (row) => html`<span class="faint"><${When} at=${row.created} /></span>`,
    },
    {
      key: "compare",
      label: html`<span class="vh">${t("compare")}</span>`,
      num: true,
      cell: (row) =>
        row.before
          ? html`<a href=${to("data", name, "compare", `${row.before}..${row.number}`)}>
            ${t("data.against", { v: row.before })}
          </a>`
          : "",
    },
  ];
  return html`<${Loaded} of=${versions}>
    ${(/** @type {any[]} */ rows) => html`<section class="panel">
      <${Table}
        name=${t("col.versions")}
        columns=${columns}
        rows=${rows.map((row, i) => ({ ...row, before: rows[i + 1]?.number ?? null, change: rows[i + 1] ? row.count - rows[i + 1].count : null }))}
        id=${(/** @type {any} */ row) => row.id}
        open=${(/** @type {any} */ row) => withQuery(to("data", name), { v: row.number })}
        sort="-number"
      />
    </section>`}
  <//>`;
}

/** A version as people write it, `2`, as its number `v2`. @param {string} text */
const numbered = (text) => (/^\d+$/.test(text) ? `v${text}` : text);

/** @param {{name: string, range: string, versions: any[]}} props */
function Compare({ name, range, versions }) {
  const [old, now] = (range || between(versions)).split("..").map(numbered);
  const diff = useCall(
    old && now ? "data.diff" : null,
    { old: `${name}@${old}`, new: `${name}@${now}` },
    { on: null },
  );
  const pick = (/** @type {string} */ which, /** @type {string} */ value) =>
    html`<label class="row small mute">
      ${t(which === "old" ? "data.from" : "data.to")} <select
        class="input"
        value=${value}
        onChange=${(/** @type {any} */ event) => go(to("data", name, "compare", which === "old" ? `${event.target.value}..${now}` : `${old}..${event.target.value}`))}
      >
        ${versions.map((row) => html`<option value=${row.number}>${row.number}</option>`)}
      </select>
    </label>`;
  return html`
    <div class="row">${pick("old", old)}<span class="faint">→</span>${pick("new", now)}</div>
    <${Loaded} of=${diff} block>
      ${(/** @type {any} */ value) => html`<${Difference} diff=${value} old=${old} now=${now} />`}
    <//>
  `;
}

/** Kinds of difference, as DVC and as the page calls them. @type {Record<string, string>} */
const WORDS = { added: "added", renamed: "renamed", modified: "changed", deleted: "removed" };

/** @param {{diff: any, old: string, now: string}} props */
function Difference({ diff, old, now }) {
  const [list, show] = useQuery(
    "list",
    ["added", "renamed", "modified"].find((key) => diff.counts[key]) ?? "deleted",
  );
  const sum = (/** @type {Share[]} */ rows, /** @type {string} */ label) =>
    rows.filter((row) => row.label === label).reduce((total, row) => total + row.count, 0);
  const labels = [
    ...new Set([...diff.balance_old, ...diff.balance_new].filter((row) => row.label).map((row) => row.label)),
  ].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const rows = labels.map((label) => ({
    name: label,
    before: sum(diff.balance_old, label),
    parts: [sum(diff.balance_new, label)],
  }));
  const same = diff.counts.unchanged;
  const options = /** @type {[string, any][]} */ (
    ["added", "renamed", "modified", "deleted"].map((key) => [
      key,
      `${t(/** @type {any} */ (`diff.${WORDS[key]}`))} ${num(diff.counts[key])}`,
    ])
  );
  return html`
    <section class="kp" aria-label=${t("data.diff.label", { old, now })}>
      <${Figure} name=${t("diff.added")} value=${count(diff.counts.added)} note=${t("diff.added.note", { now })} />
      <${Figure} name=${t("diff.removed")} value=${count(diff.counts.deleted)} note=${t("diff.removed.note", { old })} />
      <${Figure} name=${t("diff.changed")} value=${count(diff.counts.modified)} note=${t("diff.changed.note")} />
      <${Figure} name=${t("diff.renamed")} value=${count(diff.counts.renamed)} note=${t("diff.renamed.note")} />
      <${Figure}
        name=${t("diff.same")}
        value=${count(same)}
        note=${t("diff.same.note", { share: pct(same / Math.max(1, diff.new.count)), now })}
      />
    </section>
    <div class="cols side">
      <div class="stack">
        ${
          rows.length
            ? html`<${Panel}
          title=${t("data.balance")}
          actions=${html`<span class="legend">
            <span><i style="background:var(--seq-2)"></i>${old}</span>
            <span><i style="background:var(--seq-5)"></i>${now}</span>
          </span>`}
        >
          <div class="in"><${Bars} label=${t("data.balance.two", { old, now })} rows=${rows} colors=${PARTS} /></div>
        <//>`
            : null
        }
        <section class="panel">
          <header class="wrap">
            <${Seg}
              name=${t("data.diff.list")}
              options=${options}
              value=${list}
              pick=${(/** @type {string} */ key) => show(key)}
            />
          </header>
          <${Paths} diff=${diff} list=${list} old=${old} now=${now} />
        </section>
      </div>
      <aside class="stack"><${Facts} version=${diff.new} /></aside>
    </div>
  `;
}

/** @param {any} item */
const fileOf = (item) => item.new ?? item.file;

/** @param {any} item */
const folderOf = (item) => fileOf(item).split("/").slice(0, -1).join("/");

/** The files of one kind of difference, as pictures where they are. @param {{diff: any, list: string, old: string, now: string}} props */
function Paths({ diff, list, old, now }) {
  const items = /** @type {any[]} */ (diff[list] ?? []).filter(fileOf);
  const folders = [...new Set(items.map(folderOf))].slice(0, 12);
  const shown = folders.reduce(
    (sum, folder) => sum + Math.min(EACH * 2, items.filter((item) => folderOf(item) === folder).length),
    0,
  );
  return html`
    ${folders.map((folder) => html`<${Pictures} key=${list + folder} folder=${folder} items=${items} />`)}
    ${
      items.length
        ? null
        : html`<${Empty} title=${t("diff.none")} text=${t(/** @type {any} */ (`diff.none.${WORDS[list]}`), { old, now })} />`
    }
    ${
      items.length
        ? html`<footer class="small faint" style="padding:9px 14px;border-top:1px solid var(--line)">
      ${t("data.shown", { shown, n: diff.counts[list] })}
    </footer>`
        : null
    }
  `;
}

/** @param {{folder: string, items: any[]}} props */
function Pictures({ folder, items }) {
  const here = items.filter((item) => folderOf(item) === folder);
  return html`
    <h3 class="small mute" style="padding:12px 14px 0">
      ${folder || "/"} <span class="faint">${count(here.length)}</span>
    </h3>
    <div class="thumbs" style="padding-top:8px">
      ${here.slice(0, EACH * 2).map((item) => {
        return html`<${Picture}
        key=${fileOf(item)}
        path=${fileOf(item)}
        digest=${item.digest}
        note=${item.old ? item.old.split("/").slice(0, -1).pop() : null}
      />`;
      })}
    </div>
    ${here.length > EACH * 2 ? html`<p class="small faint" style="padding:0 14px 4px">${t("data.more.here", { n: here.length - EACH * 2 })}</p>` : null}
  `;
}
