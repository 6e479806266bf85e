// One deployment: what is live, what was before, how fast it answers, what it said last.

import { change, useCall } from "./api.js";
import { Plot } from "./plot.js";
import {
  Cmd,
  Copy,
  Empty,
  Fail,
  Figure,
  Head,
  Ico,
  Loading,
  Mark,
  Panel,
  Seg,
  When,
  ask,
  html,
  t,
  to,
  toast,
  useMemo,
  useQuery,
  useState,
  withQuery,
} from "./ui.js";
import { count, ms, num, pct, person, took } from "./words.js";

/** @param {string} model */
const titled = (model) => model.replace("@", " v");
/** @param {string} model */
const modelPage = (model) => to("models", ...model.split("@"));

/** @param {{name: string}} props */
export default function Deployment({ name }) {
  const detail = useCall("serve.show", { name }, { on: /deployment/, every: 5 });
  if (detail.error && detail.value === undefined)
    return html`<div class="page"><${Head} title=${name} /><${Fail} error=${detail.error} again=${detail.again} /></div>`;
  if (!detail.value)
    return html`<div class="page"><${Head} title=${name} sub=${" "} /><${Loading} block rows=${3} /></div>`;
  const { live, history, servers, predictions, labels, latency } = detail.value;
  const before = history.find((/** @type {any} */ item) => item.id !== live.id);
  return html`<div class="page">
    <${Head}
      title=${name}
      sub=${html`
        <${Mark} s=${servers.length ? "ok" : "off"}>${servers.length ? t("serving.servers", { n: servers.length }) : t("serving.noserver")}<//> · <a href=${modelPage(live.model)}>${titled(live.model)}</a>
        , ${t("serving.live.since")} <${When} at=${live.moved} />
      `}
    >
      <a class="btn" href=${to("monitor", name)}><${Ico} n="monitor" />${t("nav.monitor")}</a>
      <a class="btn" href=${withQuery(to("lineage"), { of: `deployment:${name}` })}>
        <${Ico} n="lineage" />
        ${t("nav.lineage")}
      </a>
      ${
        before
          ? html`<button type="button" class="btn" onClick=${() => rollback(name, live, before)}>
        <${Ico} n="undo" />
        ${t("serving.rollback", { model: titled(before.model) })}
      </button>`
          : null
      }
    <//>
    <section class="kp" aria-label=${t("latency")}>
      <${Figure}
        name=${t("serving.answered")}
        value=${servers.length ? count(predictions) : "–"}
        note=${servers.length ? t("serving.answered.note") : t("serving.noserver")}
      />
      ${["p50", "p95", "p99"].map(
        (key) => html`<${Figure}
        key=${key}
        name=${t(/** @type {any} */ (`latency.${key}`))}
        value=${latency ? ms(latency[key]) : "–"}
        note=${latency ? t("latency.of", { n: latency.count }) : ""}
      />`,
      )}
      <${Figure}
        name=${t("serving.labels")}
        value=${count(Object.keys(labels).length)}
        note=${t("serving.labels.note")}
      />
    </section>
    <div class="cols side">
      <div class="stack"><${Speed} name=${name} /><${Recent} name=${name} labels=${Object.keys(labels)} /></div>
      <aside class="stack">
        <${History} name=${name} live=${live} history=${history} />
        <${Addresses} name=${name} servers=${servers} />
        <${Answers} labels=${labels} />
      </aside>
    </div>
  </div>`;
}

/** @param {string} name @param {any} live @param {any} before */
function rollback(name, live, before) {
  ask({
    title: t("rollback.title", { name, model: titled(before.model) }),
    body: html`
      <p>${t("rollback.text", { name, now: titled(live.model), before: titled(before.model) })}</p>
      <p class="mute">${t("rollback.undo")}</p>
    `,
    verb: t("rollback"),
    run: async () => {
      const found = await change("serve.rollback", { name });
      toast(t("rollback.done", { name, model: titled(found.model) }));
    },
  });
}

/** @param {{name: string}} props */
function Speed({ name }) {
  const found = useCall("serve.predictions", { name, limit: 300 }, { on: null, every: 15 });
  const [what, show] = useQuery("plot", "ms");
  const rows = useMemo(() => [...(found.value ?? [])].sort((a, b) => a.at - b.at), [found.value]);
  const lines = useMemo(() => {
    const kept = rows.filter((row, i) => i === 0 || row.at > rows[i - 1].at);
    return [
      {
        id: name,
        name: what === "ms" ? t("latency") : t("col.confidence"),
        color: what === "ms" ? "var(--c1)" : "var(--c3)",
        xs: kept.map((row) => row.at),
        ys: kept.map((row) => row[what]),
        total: rows.length,
      },
    ];
  }, [rows, what]);
  if (rows.length < 2) return null;
  return html`<${Panel}
    title=${what === "ms" ? t("latency") : t("col.confidence")}
    note=${t("serving.newest", { n: rows.length })}
    actions=${html`<${Seg}
      name=${t("view")}
      options=${[
        ["ms", t("latency")],
        ["confidence", t("col.confidence")],
      ]}
      value=${what}
      pick=${(/** @type {string} */ key) => show(key)}
    />`}
  >
    <div class="in" style="padding:8px 12px">
      <${Plot} name=${what} lines=${lines} time dots height=${190} unit=${what === "ms" ? " ms" : ""} />
    </div>
  <//>`;
}

/** @param {{name: string, labels: string[]}} props */
function Recent({ name, labels }) {
  const [order, sort] = useQuery("order", "newest");
  const [paused, pause] = useState(false);
  const found = useCall("serve.predictions", { name, order, limit: 30 }, { on: null, every: paused ? 0 : 4 });
  const rows = /** @type {any[]} */ (found.value ?? []);
  return html`<${Panel}
    title=${t("serving.last")}
    note=${paused ? t("serving.paused") : html`<${Mark} s="run">${t("serving.live")}<//>`}
    actions=${html`
      <button type="button" class="btn bare s" onClick=${() => pause(!paused)}>
        ${t(paused ? "serving.resume" : "serving.pause")}
      </button>
      <${Seg}
        name=${t("serving.order")}
        options=${[
          ["newest", t("serving.neworder")],
          ["least-sure", t("serving.unsure")],
        ]}
        value=${order}
        pick=${(/** @type {string} */ key) => sort(key)}
      />
    `}
  >
    ${found.error ? html`<${Fail} error=${found.error} again=${found.again} />` : null}
    ${
      rows.length
        ? html`<div class="scroll">
      <table aria-label=${t("serving.last")}>
        <thead>
          <tr>
            <th>${t("col.input")}</th>
            <th>${t("col.answer")}</th>
            <th>${t("col.confidence")}</th>
            <th>${t("serving.second")}</th>
            <th>${t("kind.model")}</th>
            <th class="num">${t("col.took")}</th>
            <th class="num">${t("col.when")}</th>
            <th><span class="vh">${t("feedback")}</span></th>
          </tr>
        </thead>
        <tbody>${rows.map((row) => html`<${Row} key=${row.id} row=${row} labels=${labels} />`)}</tbody>
      </table>
    </div>`
        : found.busy
          ? html`<${Loading} />`
          : html`<${Empty} title=${t("serving.none")} text=${t("serving.none.text")} line=${`cauce serve predict ${name} FILE`} />`
    }
  <//>`;
}

/** @param {{row: any, labels: string[]}} props */
function Row({ row, labels }) {
  const ranked = Object.entries(row.scores).sort(([, a], [, b]) => Number(b) - Number(a));
  const second = ranked[1];
  return html`<tr>
    <td>
      <a href=${withQuery(to("lineage"), { of: `prediction:${row.id}` })} title=${row.source || row.id}>
        ${
          row.png
            ? html`<img
          class="pic"
          src=${`data:image/png;base64,${row.png}`}
          alt=${t("shot", { label: row.label, sure: num(row.confidence, 2) })}
          width="24"
          height="24"
        />`
            : html`<span class="mono">${row.id.slice(-6)}</span>`
        }
      </a>
    </td>
    <td class="strong">${row.label}</td>
    <td>
      <span class="db" style="width:80px">
        <i
          style=${`width:${Math.round(80 * row.confidence)}px${row.confidence < 0.6 ? ";background:var(--c2)" : ""}`}
        ></i>
      </span>
      <span class="tn">${num(row.confidence, 2)}</span>
    </td>
    <td class="mute">${second ? `${second[0]} ${num(/** @type {number} */ (second[1]), 2)}` : ""}</td>
    <td>${row.model ? html`<a href=${modelPage(row.model)}>${titled(row.model)}</a>` : "–"}</td>
    <td class="num">${ms(row.ms)}</td>
    <td class="num faint"><${When} at=${row.at} /></td>
    <td class="num">
      <button type="button" class="btn bare s" onClick=${() => correct(row, labels)}>${t("feedback")}</button>
    </td>
  </tr>`;
}

/** @param {any} row @param {string[]} labels */
function correct(row, labels) {
  const names = Object.keys(row.scores).length ? Object.keys(row.scores) : labels;
  let label = row.label;
  ask({
    title: t("feedback.title"),
    body: html`
      <div class="row">
        ${row.png ? html`<img class="pic" style="width:84px;height:84px" src=${`data:image/png;base64,${row.png}`} alt="" />` : null}
        <p>${t("feedback.text", { label: row.label, sure: num(row.confidence, 2) })}</p>
      </div>
      <label class="field">
        <span>${t("feedback.right")}</span>
        <select class="input" value=${label} onChange=${(/** @type {any} */ event) => (label = event.target.value)}>
          ${names.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
      </label>
    `,
    verb: t("feedback.save"),
    run: async () => {
      await change("serve.feedback", { prediction: row.id, label });
      toast(t("feedback.done"));
    },
  });
}

/** @param {{name: string, live: any, history: any[]}} props */
const History = ({ name, live, history }) =>
  html`<${Panel} title=${t("serving.history")} note=${count(history.length)}>
    <ul class="list small">
      ${history.slice(0, 12).map(
        (item, i) => html`<li key=${item.id + i}>
        <${Mark} s=${item.id === live.id && i === 0 ? "ok" : "off"} />
        <span class="grow">
          <a href=${modelPage(item.model)}>${titled(item.model)}</a> <span class="faint">${t("serving.numbered", { name, n: item.number })}</span>
          ${item.message ? html`<br /><span class="faint">${item.message}</span>` : null}
        </span>
        <span class="faint" style="text-align:right"><${When} at=${item.moved} /><br />${person(item.agent)}</span>
      </li>`,
      )}
    </ul>
    ${history.length > 12 ? html`<footer>${t("data.of", { shown: 12, n: history.length })}</footer>` : null}
  <//>`;

/** @param {{name: string, servers: any[]}} props */
const Addresses = ({ name, servers }) =>
  html`<${Panel} title=${t("serving.servers.title")}>
    ${
      servers.length
        ? html`
      <ul class="list small">
        ${servers.map(
          (item) => html`<li key=${item.pid}>
          <${Mark} s="ok" />
          <code class="grow">${item.url}</code>
          <span class="faint">
            ${t("serving.pid", { pid: String(item.pid) })}
            , ${took(Date.now() / 1000 - item.started)}
          </span>
          <${Copy} text=${item.url} />
        </li>`,
        )}
      </ul>
      <div class="in">
        <p class="small mute" style="margin-bottom:6px">${t("serving.oip")}</p>
        <${Cmd} line=${`curl ${servers[0].url}/v2/models/${name}`} />
      </div>
    `
        : html`<${Empty} title=${t("serving.noserver")} text=${t("serving.noserver.text")} line=${`cauce serve run ${name}`} />`
    }
  <//>`;

/** @param {{labels: Record<string, number>}} props */
function Answers({ labels }) {
  const rows = Object.entries(labels).sort(([, a], [, b]) => b - a);
  const total = rows.reduce((sum, [, n]) => sum + n, 0);
  if (!rows.length) return null;
  return html`<${Panel} title=${t("serving.answers")} note=${t("serving.newest", { n: total })}>
    <ul class="in">
      ${rows.slice(0, 20).map(
        ([label, n]) => html`<li
        key=${label}
        style="display:grid;grid-template-columns:64px 1fr 48px;gap:10px;align-items:center;height:24px"
      >
        <span class="mute clip">${label}</span>
        <span class="meter"><i style=${`width:${(100 * n) / rows[0][1]}%`}></i></span>
        <span class="num">${pct(n / total)}</span>
      </li>`,
      )}
    </ul>
  <//>`;
}
