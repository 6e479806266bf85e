// What a deployment sees and says, beside what its model was made from.

import { change, useCall } from "./api.js";
import { Heat } from "./charts.js";
import {
  Do,
  Empty,
  Fail,
  Figure,
  Head,
  Ico,
  Loaded,
  Num,
  Outcome,
  Panel,
  Spark,
  Table,
  When,
  ask,
  go,
  html,
  t,
  to,
  toast,
  useEffect,
  useQuery,
  withQuery,
} from "./ui.js";
import { clock, count, day, full, ms, num } from "./words.js";

/** @param {{name?: string}} props */
export default function Monitor({ name }) {
  const deployments = useCall(name ? null : "serve.ls", {}, { on: /deployment/ });
  useEffect(() => {
    if (!name && deployments.value?.length === 1) go(to("monitor", deployments.value[0].name), { replace: true });
  }, [deployments.value]);
  if (name) return html`<${Watched} name=${name} />`;
  return html`<div class="page">
    <${Head} title=${t("nav.monitor")} />
    <${Loaded} of=${deployments}>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? html`<${Panel} title=${t("nav.serving")}>
        <ul class="list">
          ${rows.map((row) => html`<li key=${row.name}><a href=${to("monitor", row.name)}>${row.name}</a></li>`)}
        </ul>
      <//>`
          : html`<div class="panel">
        <${Empty} title=${t("monitor.empty")} text=${t("monitor.empty.text")} line="cauce serve deploy NAME@latest" />
      </div>`}
    <//>
  </div>`;
}

/** @param {{name: string}} props */
function Watched({ name }) {
  const held = useCall("watch.reports", { name, limit: 60 }, { on: /drift|report|profile|deployment/ });
  const shown = useCall("serve.show", { name }, { on: /deployment|drift/, every: 15 });
  const [run] = useQuery("check");
  const reports = /** @type {any[]} */ (held.value ?? []);
  const report = reports.find((item) => item.run === run) ?? reports[0];
  const sets = useCall("data.ls", {}, { on: /dataset/ }).value ?? [];
  const check = async () => {
    const found = await change("watch.check", { name });
    toast(t("monitor.checked", { n: found.rows, outcome: t(/** @type {any} */ (`outcome.${found.outcome}`)) }));
    go(to("monitor", name));
  };
  return html`<div class="page">
    <${Head}
      title=${name}
      sub=${report ? html`${t("monitor.sub", { n: report.rows })} <${When} at=${report.at} />` : t("monitor.sub.none")}
    >
      <a class="btn" href=${to("serving", name)}><${Ico} n="serving" />${t("nav.serving")}</a>
      <${Do} class="main-act" run=${check}>${t("monitor.check")}<//>
    <//>
    ${held.error ? html`<${Fail} error=${held.error} again=${held.again} />` : null}
    ${
      report
        ? html`<${Verdict}
      report=${report}
      older=${Boolean(shown.value && report.deployment !== shown.value.live.id && report === reports[0])}
    />`
        : null
    }
    <${Figures} report=${report} reports=${reports} shown=${shown.value} />
    <div class="cols side">
      <div class="stack">
        ${
          report && !report.fault
            ? html`<${Drift} reports=${reports} report=${report} /><${Scores} report=${report} />`
            : report || held.busy
              ? null
              : html`<div class="panel">
          <${Empty}
            title=${t("monitor.none")}
            text=${t("monitor.none.text")}
            line=${`cauce watch reference ${name} --data ${sets[0]?.name ?? "DATA"}`}
          />
        </div>`
        }
      </div>
      <aside class="stack">
        <${Unsure} name=${name} />
        <${Reports} reports=${reports} report=${report} name=${name} />
      </aside>
    </div>
  </div>`;
}

/** What the last check found, and what to do about it. @param {{report: any, older: boolean}} props */
function Verdict({ report, older }) {
  if (older) return html`<div class="note"><${Ico} n="info" /><div>${t("monitor.older")}</div></div>`;
  if (report.fault)
    return html`<div class="note warn" role="status">
      <${Ico} n="warn" />
      <div><b class="strong">${t("monitor.fault")}</b> ${report.fault}</div>
    </div>`;
  if (report.outcome === "steady") return null;
  const moved = report.inputs.filter((/** @type {any} */ item) => item.drifted);
  if (report.outcome === "too-few")
    return html`<div class="note"><${Ico} n="info" /><div>${t("monitor.few", { n: report.rows })}</div></div>`;
  const { what, name, distance } = moved[0];
  const furthest = t("monitor.furthest", { what: what || name, distance: num(distance, 2) });
  const trace = withQuery(to("lineage"), { of: `run:${report.run}`, direction: "both" });
  return html`<div class="note warn" role="status">
    <${Ico} n="warn" />
    <div>
      <b class="strong">${t("monitor.drifted", { n: moved.length, all: report.inputs.length })}</b> ${furthest} <a href=${trace}>${t("monitor.trace")}</a>
    </div>
  </div>`;
}

/** @param {{report: any, reports: any[], shown: any}} props */
function Figures({ report, reports, shown }) {
  const past = [...reports].reverse();
  const whole = report && !report.fault;
  const drifted = whole && report.inputs.filter((/** @type {any} */ item) => item.drifted).length;
  const quality = report?.quality;
  const latency = shown?.latency;
  return html`<section class="kp" aria-label=${t("monitor.figures")}>
    <${Figure}
      name=${t("monitor.rows")}
      value=${report ? count(report.rows) : "–"}
      note=${shown?.servers.length ? t("monitor.total", { n: shown.predictions }) : t("serving.off")}
      trend=${html`<${Spark} values=${past.map((item) => item.rows)} height=${24} color="var(--c1)" area />`}
    />
    <${Figure}
      name=${t("latency.p95")}
      value=${ms(latency?.p95)}
      note=${latency ? `p50 ${ms(latency.p50)}, p99 ${ms(latency.p99)}` : ""}
    />
    <${Figure}
      name=${t("col.accuracy")}
      value=${quality ? num(quality.accuracy, 3) : "–"}
      unit=${quality ? `± ${num((quality.high - quality.low) / 2, 3)}` : null}
      note=${quality ? t("monitor.labelled", { n: quality.labelled, total: quality.total }) : t("monitor.unlabelled")}
      trend=${html`<${Spark} values=${past.map((item) => item.quality?.accuracy ?? null)} height=${24} color="var(--c1)" />`}
    />
    <${Figure}
      name=${t("monitor.drifting")}
      value=${whole ? count(drifted) : "–"}
      unit=${whole ? t("monitor.of", { n: report.inputs.length }) : null}
      note=${
        whole
          ? report.inputs
              .filter((/** @type {any} */ item) => item.drifted)
              .slice(0, 3)
              .map((/** @type {any} */ item) => item.name)
              .join(", ") || t("none")
          : ""
      }
      trend=${html`<${Spark}
        values=${past.map((item) => (item.fault ? null : item.inputs.filter((/** @type {any} */ one) => one.drifted).length))}
        height=${24}
        color="var(--c2)"
      />`}
    />
    <${Figure}
      name=${t("monitor.left")}
      value=${report ? count(report.malformed + report.foreign) : "–"}
      note=${report ? t("monitor.left.note", { malformed: report.malformed, foreign: report.foreign }) : ""}
    />
  </section>`;
}

/** When a check was, short enough for a column. @param {number} at */
const label = (at) => (Date.now() / 1000 - at < 86400 ? clock(at) : day(at));

/** @param {{reports: any[], report: any}} props */
function Drift({ reports, report }) {
  const [all, show] = useQuery("inputs");
  const past = [...reports].slice(0, 28).reverse();
  const names = report.inputs.map((/** @type {any} */ item) => item.name);
  const shown = all ? names : names.slice(0, 12);
  const find = (/** @type {any} */ item, /** @type {string} */ name) =>
    item.inputs.find((/** @type {any} */ one) => one.name === name);
  const rows = shown.map((/** @type {string} */ name) => ({
    name,
    cells: past.map((item) =>
      ((one) =>
        one
          ? {
              value: one.distance,
              over: one.drifted,
              title: `${name}, ${full(item.at)}: ${num(one.distance, 3)}${one.drifted ? `, ${t("outcome.drifted")}` : ""}`,
            }
          : null)(find(item, name)),
    ),
  }));
  const top = Math.max(
    0.2,
    ...rows.flatMap((/** @type {any} */ row) => row.cells.map((/** @type {any} */ cell) => cell?.value ?? 0)),
  );
  return html`<${Panel}
    title=${t("drift.title")}
    note=${t("drift.note", { n: past.length })}
    actions=${html`<span class="legend">
      <span class="scale" aria-hidden="true">
        ${[1, 2, 3, 4, 5, 6].map((n) => html`<i style=${`background:var(--seq-${n})`}></i>`)}
      </span>
      <span>${t("drift.scale", { top: num(top, 1) })}</span>
      <span><i style="box-shadow:inset 0 0 0 2px var(--c2)"></i>${t("outcome.drifted")}</span>
    </span>`}
    foot=${
      names.length > 12
        ? html`
      <span>${t("drift.shown", { shown: shown.length, n: names.length })}</span>
      <button type="button" class="btn bare s right" onClick=${() => show(all ? "" : "all")}>
        ${t(all ? "drift.fewer" : "drift.all")}
      </button>
    `
        : null
    }
  >
    <div class="in" style="padding:14px 14px 8px">
      <${Heat}
        label=${t("drift.label", { n: rows.length })}
        rows=${rows}
        columns=${past.map((item) => label(item.at))}
        top=${top}
      />
    </div>
  <//>`;
}

/** The shares before and now, as two steps of bars. @param {{bins: any[]}} props */
function Shape({ bins }) {
  const most = Math.max(0.01, ...bins.flatMap((bin) => [bin.reference, bin.current]));
  const wide = Math.min(9, 110 / Math.max(1, bins.length));
  return html`<svg class="chart" width=${bins.length * wide + 2} height="22" aria-hidden="true">
    ${bins.map(
      (bin, i) => html`
      <rect
        x=${i * wide}
        y=${21 - (20 * bin.current) / most}
        width=${wide - 1}
        height=${(20 * bin.current) / most}
        fill="var(--seq-4)"
      />
      <path
        d=${`M${i * wide - 0.5},${21 - (20 * bin.reference) / most}h${wide}`}
        stroke="var(--c2)"
        stroke-width="1.5"
      >
        <title>${bin.label}</title>
      </path>
    `,
    )}
  </svg>`;
}

/** @param {{report: any}} props */
function Scores({ report }) {
  const [all, show] = useQuery("scores");
  /** @type {import("./ui.js").Column[]} */
  const columns = [
    {
      key: "name",
      label: t("col.input"),
      by: (row) => row.name,
      cell: (row) =>
        html`
          <span title=${row.what}>${row.name}</span> <span class="faint small">${row.source === "output" ? t("drift.output") : ""}</span>
        `,
    },
    {
      key: "verdict",
      label: t("col.state"),
      by: (row) => row.verdict,
      cell: (row) => html`<${Outcome} of=${row.verdict} />`,
    },
    {
      key: "distance",
      label: t("drift.distance"),
      num: true,
      by: (row) => row.distance,
      cell: (row) => html`<${Num} x=${row.distance} digits=${3} />`,
    },
    { key: "p", label: "p", num: true, by: (row) => row.p, cell: (row) => html`<${Num} x=${row.p} />` },
    {
      key: "psi",
      label: "PSI",
      num: true,
      by: (row) => row.psi,
      cell: (row) => html`<${Num} x=${row.psi} digits=${3} />`,
    },
    { key: "rows", label: t("col.rows"), num: true, by: (row) => row.rows, cell: (row) => count(row.rows) },
    { key: "shape", label: t("drift.shape"), cell: (row) => html`<${Shape} bins=${row.bins} />` },
  ];
  const rows = all ? report.inputs : report.inputs.slice(0, 12);
  return html`<${Panel}
    title=${t("drift.scores")}
    note=${t("drift.scores.note")}
    actions=${html`<span class="legend">
      <span><i style="background:var(--seq-4)"></i>${t("drift.now")}</span>
      <span><i class="l" style="background:var(--c2)"></i>${t("drift.reference")}</span>
    </span>`}
    foot=${
      report.inputs.length > 12
        ? html`
      <span>${t("drift.shown", { shown: rows.length, n: report.inputs.length })}</span>
      <button type="button" class="btn bare s right" onClick=${() => show(all ? "" : "all")}>
        ${t(all ? "drift.fewer" : "drift.all")}
      </button>
    `
        : null
    }
  >
    <${Table} name=${t("drift.scores")} columns=${columns} rows=${rows} id=${(/** @type {any} */ row) => row.name} />
  <//>`;
}

/** The picture of a prediction. @param {{of: any, size?: number, class?: string}} props */
function Shot({ of, size = 84, class: extra = "" }) {
  const source = of.png ? `data:image/png;base64,${of.png}` : null;
  return source
    ? html`<img
      class=${extra}
      src=${source}
      alt=${t("shot", { label: of.label, sure: num(of.confidence, 2) })}
      width=${size}
      height=${size}
      loading="lazy"
    />`
    : null;
}

/** @param {{name: string}} props */
function Unsure({ name }) {
  const found = useCall("serve.predictions", { name, order: "least-sure", limit: 12 }, { on: null, every: 20 });
  const queues = useCall("label.ls", {}, { on: /label/ }).value ?? [];
  const send = () => {
    const choice = { project: queues[0].name, limit: 30 };
    ask({
      title: t("unsure.title"),
      body: html`
        <p>${t("unsure.text")}</p>
        <label class="field">
          <span>${t("palette.queue")}</span>
          <select class="input" onChange=${(/** @type {any} */ event) => (choice.project = event.target.value)}>
            ${queues.map((/** @type {any} */ queue) => html`<option value=${queue.name}>${queue.name}</option>`)}
          </select>
        </label>
        <label class="field">
          <span>${t("unsure.limit")}</span>
          <input
            class="input"
            type="number"
            min="1"
            max="500"
            value="30"
            onInput=${(/** @type {any} */ event) => (choice.limit = Number(event.target.value) || 30)}
          />
        </label>
      `,
      verb: t("unsure.send"),
      run: async () => {
        const report = await change("label.sample", {
          project: choice.project,
          deployment: name,
          limit: choice.limit,
        });
        toast(
          report.made
            ? t("label.sampled", { n: report.made, looked: report.looked })
            : t("label.sampled.none", { looked: report.looked }),
        );
      },
    });
  };
  return html`<${Panel}
    title=${t("unsure")}
    note=${found.value?.length ? count(found.value.length) : ""}
    actions=${queues.length && found.value?.length ? html`<button type="button" class="btn s" onClick=${send}>${t("unsure.send")}</button>` : null}
  >
    <div class="in">
      <${Loaded} of=${found} rows=${2}>
        ${(/** @type {any[]} */ rows) =>
          rows.length
            ? html`<ul class="un">
          ${rows.map(
            (row) => html`<li key=${row.id}>
            <a href=${withQuery(to("lineage"), { of: `prediction:${row.id}` })}>
              <${Shot} of=${row} />
              <span class="tn">${row.label} ${num(row.confidence, 2)}</span>
            </a>
          </li>`,
          )}
        </ul>`
            : html`<p class="mute small">${t("unsure.none")}</p>`}
      <//>
    </div>
  <//>`;
}

/** @param {{reports: any[], report: any, name: string}} props */
function Reports({ reports, report, name }) {
  if (!reports.length) return null;
  return html`<${Panel} title=${t("monitor.checks")} note=${count(reports.length)}>
    <div class="scroll">
      <table aria-label=${t("monitor.checks")}>
        <thead>
          <tr>
            <th>${t("col.when")}</th>
            <th>${t("col.result")}</th>
            <th class="num">${t("monitor.drifting")}</th>
            <th class="num">${t("col.rows")}</th>
          </tr>
        </thead>
        <tbody>
          ${reports.slice(0, 20).map(
            (item) => html`<tr key=${item.run} aria-selected=${item === report && reports.length > 1 ? "true" : null}>
            <td>
              <a href=${withQuery(to("monitor", name), { check: item === reports[0] ? null : item.run })}>
                <${When} at=${item.at} />
              </a>
            </td>
            <td><${Outcome} of=${item.outcome} /></td>
            <td class="num">${count(item.inputs.filter((/** @type {any} */ one) => one.drifted).length)}</td>
            <td class="num">${count(item.rows)}</td>
          </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}
