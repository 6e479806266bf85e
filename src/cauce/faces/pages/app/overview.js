// The whole course on one page: the state, what waits, what serves, how quality went, what happened.

import { useAll, useCall } from "./api.js";
import { Steps } from "./charts.js";
import { Cmd, Empty, Head, Ico, Loaded, Loading, Mark, Panel, When, html, project, t, to, useWidth, withQuery } from "./ui.js";
import { ago, clock, count, day, full, ms, num, pct, person, rich, size } from "./words.js";

/** @param {string} model `digits@2` */
const titled = (model) => model.replace("@", " v");

/** Everything that the page stands on. */
function useProject() {
  const sets = useCall("data.ls", {}, { on: /dataset/ });
  const queues = useCall("label.ls", {}, { on: /label|annotations/ });
  const runs = useCall("track.ls", { limit: 30 }, { on: /run\./ });
  const models = useCall("models.ls", {}, { on: /model|run\.ended/ });
  const deployments = useCall("serve.ls", {}, { on: /deployment/, every: 15 });
  const flows = useCall("flow.ls", {}, { on: /job|run\./ });
  const live = deployments.value?.[0];
  const model = models.value?.find((/** @type {any} */ item) => live && item.name === live.live.model.split("@")[0]) ?? models.value?.[0];
  const detail = useCall(model ? "models.show" : null, { model: `${model?.name}@${model?.latest.number}` }, { on: /model|run\.ended/ });
  const serving = useCall(live ? "serve.show" : null, { name: live?.name }, { on: /deployment/, every: 10 });
  const reports = useCall(live ? "watch.reports" : null, { name: live?.name, limit: 10 }, { on: /drift|report|deployment/ });
  const above = useCall(model ? "lineage.show" : null, { of: `model:${model?.name}@${model?.latest.number}`, limit: 60 }, { on: /model/ });
  const under = useCall(live ? "lineage.show" : null, { of: `deployment:${live?.name}`, limit: 60 }, { on: /deployment/ });
  const trained = runs.value?.runs.find((/** @type {any} */ run) => run.status === "finished" && Object.keys(run.metrics).length) ?? null;
  const detailed = useCall(trained ? "track.show" : null, { run: trained?.id }, { on: /dataset/ });
  const held = [sets, queues, runs, models, deployments, flows];
  return { sets, queues, runs, models, deployments, flows, live, model, detail: detail.value, serving: serving.value, reports: reports.value ?? [], above: above.value, under: under.value, trained, used: detailed.value?.used ?? [], held };
}

/** The number of a data set's version among refs: `v3` gives 3. @param {string[]} refs */
const numberIn = (refs) => Number((refs.find((ref) => /@v\d+$/.test(ref)) ?? "").split("@v")[1] ?? NaN);

/** The data version that a graph's training stood on, 0 when it names none. @param {any} graph */
function dataOf(graph) {
  const trains = new Set((graph?.nodes ?? []).filter((/** @type {any} */ node) => node.kind === "train").map((/** @type {any} */ node) => node.id));
  const used = new Set((graph?.edges ?? []).filter((/** @type {any} */ edge) => edge.direction === "used" && trains.has(edge.run)).map((/** @type {any} */ edge) => edge.version));
  const numbers = (graph?.nodes ?? []).filter((/** @type {any} */ node) => node.kind === "dataset" && used.has(node.id)).map((/** @type {any} */ node) => numberIn(node.refs));
  return Math.max(0, ...numbers.filter((/** @type {number} */ n) => n > 0));
}

export default function Overview() {
  const state = useProject();
  if (state.held.some((held) => held.value === undefined && held.busy)) return html`<div class="page"><h1 class="vh">${t("nav.overview")}</h1><${Loading} block rows=${3} /></div>`;
  const empty = !state.sets.value?.length && !state.queues.value?.length && !state.runs.value?.total && !state.models.value?.length && state.held.every((held) => !held.error);
  if (empty) return html`<${First} />`;
  const waits = waiting(state);
  return html`<div class="page">
    <${Head} title=${headline(state)} sub=${subline(state, waits.length)} />
    ${state.held.filter((held) => held.error).slice(0, 1).map((held) => html`<div class="panel"><${Loaded} of=${held}>${() => null}<//></div>`)}
    <${Course} state=${state} />
    <div class="cols"><div class="stack">
      <${Waiting} list=${waits} /><${ServingNow} state=${state} /><${Flows} flows=${state.flows.value ?? []} />
    </div><div class="stack"><${Quality} state=${state} /><${Today} /></div></div>
  </div>`;
}

/** The state in one sentence. @param {any} state */
function headline({ live, reports, flows, serving, deployments }) {
  const report = reports[0];
  const fresh = report && report.deployment === live?.live.id;
  if (!deployments.value?.length) return t("head.none");
  if ((flows.value ?? []).some((/** @type {any} */ item) => item.last?.status === "failed")) return t("head.flow");
  if (fresh && report.outcome === "drifted") return t("head.drift");
  if (serving && !serving.servers.length) return t("head.off", { name: live.name });
  return fresh ? t("head.healthy") : report ? t("head.unchecked") : t("head.unwatched");
}

/** @param {any} state @param {number} waits */
function subline({ serving, reports, detail }, waits) {
  const parts = [waits ? t("head.waits", { n: waits }) : t("head.nowaits")];
  const facts = [];
  if (serving?.servers.length && serving.predictions) facts.push(t("head.answered", { n: serving.predictions }));
  if (serving?.latency) facts.push(`p95 ${ms(serving.latency.p95)}`);
  const quality = reports[0]?.quality;
  if (quality) facts.push(t("head.accuracy.live", { x: num(quality.accuracy, 3), n: quality.labelled, total: quality.total }));
  else if (detail?.version.accuracy) facts.push(t("head.accuracy", { x: num(detail.version.accuracy, 3) }));
  if (facts.length) parts.push(`${facts.join(", ")}.`);
  return parts.join(" ");
}

/** What is waiting for a person, with the reason and where to go. @param {any} state @returns {{icon: import("./ui.js").IconName, title: string, text: string, verb: string, href: string}[]} */
function waiting({ live, reports, model, detail, queues, flows, serving }) {
  const list = [];
  const report = reports[0];
  const comparison = detail?.comparisons.find((/** @type {any} */ item) => item.candidate.version === detail.version.id);
  if (model && model.champion?.id !== model.latest.id && !model.latest.variant && (comparison?.passed ?? true)) {
    list.push({ icon: /** @type {const} */ ("models"), title: t("wait.model", { name: model.name, v: model.latest.number }), text: comparison?.champion ? t("wait.model.judged", { verdict: t(/** @type {any} */ (`outcome.${comparison.verdict}`)), difference: num(100 * comparison.difference, 2), champion: titled(comparison.champion.model), n: comparison.n }) : t("wait.model.unjudged"), verb: t("wait.review"), href: to("models", model.name, model.latest.number) });
  }
  for (const queue of queues.value ?? []) {
    const n = queue.counts.waiting;
    if (n) list.push({ icon: /** @type {const} */ ("label"), title: t("wait.label", { n }), text: t("wait.label.text", { name: queue.name, done: queue.counts.done, all: n + queue.counts.done + queue.counts.leased + queue.counts.skipped }), verb: t("nav.label"), href: to("label", queue.name) });
    else if (queue.counts.done && !queue.published) list.push({ icon: /** @type {const} */ ("label"), title: t("wait.publish", { name: queue.name }), text: t("wait.publish.text", { n: queue.counts.done }), verb: t("label.publish"), href: to("label") });
  }
  if (report && live && report.deployment !== live.live.id) list.push({ icon: /** @type {const} */ ("monitor"), title: t("wait.check", { name: live.name }), text: t("wait.check.text", { model: titled(live.live.model) }), verb: t("wait.inspect"), href: to("monitor", live.name) });
  if (report?.outcome === "drifted" && report.deployment === live?.live.id) {
    const moved = report.inputs.filter((/** @type {any} */ item) => item.drifted);
    list.push({ icon: /** @type {const} */ ("monitor"), title: t("wait.drift", { n: moved.length, name: live.name }), text: t("wait.drift.text", { what: moved[0].what || moved[0].name, distance: num(moved[0].distance, 2), ago: ago(report.at) }), verb: t("wait.inspect"), href: to("monitor", live.name) });
  }
  for (const item of flows.value ?? []) if (item.last?.status === "failed") list.push({ icon: /** @type {const} */ ("flows"), title: t("wait.flow", { name: item.flow.name }), text: item.last.error || item.last.reason, verb: t("wait.inspect"), href: to("flows", item.flow.name) });
  if (live && serving && !serving.servers.length) list.push({ icon: /** @type {const} */ ("serving"), title: t("wait.server", { name: live.name }), text: t("wait.server.text", { name: live.name }), verb: t("wait.inspect"), href: to("serving", live.name) });
  return list;
}

/** @param {{state: any}} props */
function Course({ state }) {
  const { sets, queues, runs, model, detail, live, serving, reports, trained, used, above, under } = state;
  const data = sets.value?.find((/** @type {any} */ item) => used.some((/** @type {any} */ one) => one.name === item.name)) ?? sets.value?.[0];
  const now = Number((data?.number ?? "").slice(1)) || 0;
  const counts = (queues.value ?? []).reduce((/** @type {any} */ sum, /** @type {any} */ queue) => ({ waiting: sum.waiting + queue.counts.waiting + queue.counts.leased, done: sum.done + queue.counts.done }), { waiting: 0, done: 0 });
  const running = (runs.value?.runs ?? []).filter((/** @type {any} */ run) => run.status === "running").length;
  const report = reports[0];
  const fresh = report && report.deployment === live?.live.id;
  const drifting = report?.inputs.filter((/** @type {any} */ item) => item.drifted).length ?? 0;
  const best = (runs.value?.runs ?? []).map((/** @type {any} */ run) => run.metrics).flatMap((/** @type {any} */ metrics) => Object.entries(metrics).filter(([key]) => /test.*acc|acc.*test/i.test(key)).map(([, x]) => Number(x))).sort((/** @type {number} */ a, /** @type {number} */ b) => b - a)[0];
  const variant = detail?.variants[0];
  const comparison = detail?.comparisons.find((/** @type {any} */ item) => item.candidate.version === detail.version.id);
  const isChampion = model && model.champion?.number === model.latest.number;
  const none = html`<b>–</b>`;
  const stations = [
    { name: t("nav.data"), href: data ? to("data", data.name) : to("data"), sign: data ? "ok" : "off", on: now, body: data ? html`<b>${data.name} ${data.number}</b><span>${t("n.files", { n: data.files })}</span><span class="faint">${ago(data.created)}</span>` : none },
    { name: t("nav.label"), href: to("label"), sign: counts.waiting ? "warn" : counts.done ? "ok" : "off", on: counts.done || counts.waiting ? now : 0, body: counts.done || counts.waiting ? html`<b>${t("course.labelled", { share: pct(counts.done / Math.max(1, counts.done + counts.waiting), 0) })}</b><span>${counts.waiting ? t("course.queue", { n: counts.waiting }) : t("course.noqueue")}</span><span class="faint">${t("course.labels", { n: counts.done })}</span>` : none },
    { name: t("course.train"), href: to("runs"), sign: running ? "run" : trained ? "ok" : "off", on: Math.max(0, ...used.filter((/** @type {any} */ item) => item.kind === "dataset").map((/** @type {any} */ item) => numberIn(item.refs)).filter((/** @type {number} */ n) => n > 0)), body: runs.value?.total ? html`<b>${running ? t("course.running", { n: running }) : trained?.name ?? t("n.runs", { n: runs.value.total })}</b><span>${best === undefined ? "\u00a0" : t("course.best", { x: num(best, 3) })}</span><span class="faint">${t("n.runs", { n: runs.value.total })}</span>` : none },
    { name: t("course.registry"), href: model ? to("models", model.name, model.latest.number) : to("models"), sign: !model ? "off" : isChampion ? "ok" : "warn", on: dataOf(above), body: model ? html`<b>${model.name} v${model.latest.number}</b><span>${isChampion ? t("models.champion") : t("course.candidate")}</span><span class="faint">${comparison ? t("course.gate", { verdict: t(/** @type {any} */ (`outcome.${comparison.verdict}`)) }) : t("course.nogate")}</span>` : none },
    { name: t("course.optimise"), href: model ? to("models", model.name, model.latest.number) : to("models"), sign: variant ? "ok" : "off", hollow: !variant, on: dataOf(above), body: variant ? html`<b>${variant.precision} · ${variant.chosen.recipe.replace(`${variant.precision} `, "").replace(/^int8[\s,·-]*/, "") || "ONNX"}</b><span>${ms(variant.chosen.p50)} · ${size(variant.chosen.size)}</span><span class="faint">${t("course.variants", { n: variant.tried.length })}</span>` : html`<b>–</b><span>${model ? t("course.novariant") : ""}</span>` },
    { name: t("course.serve"), href: live ? to("serving", live.name) : to("serving"), sign: !live ? "off" : live.url ? "ok" : "warn", on: dataOf(under), body: live ? html`<b>${titled(live.live.model)}</b><span>${live.name}${serving?.latency ? ` · p95 ${ms(serving.latency.p95)}` : ""}</span><span class="faint">${!live.url ? t("serving.off") : serving?.predictions ? t("head.answered", { n: serving.predictions }) : ago(live.live.moved)}</span>` : none },
    { name: t("nav.monitor"), href: live ? to("monitor", live.name) : to("monitor"), sign: !report ? "off" : !fresh ? "wait" : report.outcome === "drifted" ? "warn" : report.outcome === "steady" ? "ok" : "wait", hollow: !fresh, on: report ? dataOf(under) : 0, body: report && !fresh ? html`<b>${t("course.unchecked")}</b><span>${t("course.before", { outcome: t(/** @type {any} */ (`outcome.${report.outcome}`)) })}</span><span class="faint">${ago(report.at)}</span>` : report ? html`<b>${report.quality ? t("course.accuracy", { x: num(report.quality.accuracy, 3) }) : t(/** @type {any} */ (`outcome.${report.outcome}`))}</b><span>${drifting ? t("course.drifting", { n: drifting }) : t("course.steady", { n: report.inputs.length })}</span><span class="faint">${ago(report.at)}</span>` : none },
  ];
  const flow = (state.flows.value ?? []).find((/** @type {any} */ item) => item.flow.on.length);
  return html`<section class="flow" aria-label=${t("course.label")}><div>
    <ol>${stations.map((station) => html`<li key=${station.name}><a href=${station.href}><span class="nm">${station.name} <${Mark} s=${station.sign} /></span>${station.body}</a></li>`)}</ol>
    <${Ribbon} on=${stations.map((station) => station.on)} hollow=${stations.map((station) => Boolean(station.hollow))} now=${now} flow=${flow} labels=${counts.done} /></div></section>`;
}

/** How far behind the newest data a station stands, in words. @param {number} version @param {number} now */
const behind = (version, now) => (version >= now ? t("ribbon.on", { v: version }) : t("ribbon.behind", { v: version, n: now - version }));

/** The line that joins stations that stand on the same data. @param {{on: number[], hollow: boolean[], now: number, flow: any, labels: number}} props */
function Ribbon({ on, hollow, now, flow, labels }) {
  const [ref, width] = useWidth();
  const x = (/** @type {number} */ i) => (width * (i + 0.5)) / on.length;
  const color = (/** @type {number} */ v) => (!v ? "var(--line-2)" : v >= now ? "var(--accent)" : "var(--c2)");
  /** @type {{from: number, to: number, v: number}[]} */
  const spans = [];
  on.forEach((v, i) => {
    const last = spans[spans.length - 1];
    if (last && last.v === v) last.to = i;
    else spans.push({ from: i, to: i, v });
  });
  const text = [flow ? t("ribbon.flow", { name: flow.flow.name, on: flow.flow.on[0].subject.replace(/^.*?\//, "") }) : "", labels ? t("ribbon.labels", { n: labels }) : ""].filter(Boolean).join(" · ");
  const label = spans.filter((span) => span.v).map((span) => behind(span.v, now)).join("; ");
  const half = Math.min(width / 2 - 60, 12 + text.length * 2.9);
  return html`<div ref=${ref}>${width > 300 ? html`<svg class="chart rib" role="img" aria-label=${label || t("course.label")} width=${width} height="66">
    ${spans.map((span) => (span.to > span.from && span.v ? html`<path d=${`M${x(span.from)} 20H${x(span.to)}`} stroke=${color(span.v)} stroke-width="3" fill="none" stroke-linecap="round" />` : null))}
    ${spans.slice(1).map((span, i) => html`<path d=${`M${x(span.from - 1) + 6} 20H${x(span.from) - 6}`} stroke=${span.v && spans[i].v ? "var(--accent)" : "var(--line-2)"} stroke-width=${span.v && spans[i].v ? 3 : 1.5} stroke-dasharray=${span.v && spans[i].v ? "1 6" : "4 4"} fill="none" stroke-linecap="round" />${span.v && spans[i].v && span.v !== spans[i].v ? html`<text x=${(x(span.from - 1) + x(span.from)) / 2} y="9" text-anchor="middle" style="font-weight:500">${span.from === 4 || span.from === 5 ? t("ribbon.gate") : ""}</text>` : null}`)}
    <path d=${`M${x(on.length - 1)} 20h${width / on.length / 2 - 26}q14 0 14 14v6q0 14 -14 14H24q-14 0 -14 -14v-6q0 -14 14 -14H${x(0)}`} fill="none" stroke="var(--line-2)" stroke-width="1.5" stroke-dasharray="4 4" />
    ${text ? html`<rect x=${width / 2 - half} y="44" width=${2 * half} height="20" fill="var(--surface)" /><text x=${width / 2} y="58" text-anchor="middle">${text}</text>` : null}
    ${on.map((v, i) => html`<circle cx=${x(i)} cy="20" r="5" fill=${v && !hollow[i] && !(i === 3 && on[5] && on[5] !== v) ? color(v) : "var(--surface)"} stroke=${color(v)} stroke-width="2.5" />`)}
    ${spans.filter((span) => span.v).map((span) => html`<text x=${(x(span.from) + x(span.to)) / 2} y="9" text-anchor="middle" style=${`fill:${color(span.v)};font-weight:500`}>${span.to > span.from || span.v < now ? behind(span.v, now) : ""}</text>`)}
  </svg>` : null}</div>`;
}

/** @param {{list: {icon: import("./ui.js").IconName, title: string, text: string, verb: string, href: string}[]}} props */
const Waiting = ({ list }) => html`<${Panel} title=${t("wait.title")} note=${list.length || null}>${list.length ? html`<ul class="list">${list.map((item, i) => html`<li key=${item.title}><${Ico} n=${item.icon} class="warn-t" /><div class="grow"><div class="medium">${item.title}</div><div class="mute small">${item.text}</div></div><a class=${`btn s right ${i === 0 ? "main-act" : ""}`} href=${item.href}>${item.verb}</a></li>`)}</ul>` : html`<p class="in mute">${t("wait.none")}</p>`}<//>`;

/** @param {{state: any}} props */
function ServingNow({ state }) {
  const rows = state.deployments.value ?? [];
  const shown = useAll("serve.show", rows.map((/** @type {any} */ row) => ({ name: row.name })), { on: /deployment/ });
  const reports = useAll("watch.reports", rows.map((/** @type {any} */ row) => ({ name: row.name, limit: 1 })), { on: /drift|report/ });
  return html`<${Panel} title=${t("serving.now")} actions=${rows.length ? html`<a class="small" href=${to("serving")}>${t("serving.all")}</a>` : null}>${rows.length ? html`<div class="scroll"><table aria-label=${t("serving.now")}><thead><tr><th>${t("kind.model")}</th><th>${t("kind.deployment")}</th><th>${t("col.state")}</th><th class="num">${t("serving.answered")}</th><th class="num">p95</th><th class="num">${t("col.accuracy")}</th></tr></thead>
    <tbody>${rows.map((/** @type {any} */ row, /** @type {number} */ i) => {
      const [one, quality] = [shown[i]?.value, reports[i]?.value?.[0]?.quality];
      return html`<tr key=${row.name}><td><a href=${to("models", ...row.live.model.split("@"))}>${titled(row.live.model)}</a></td><td><a href=${to("serving", row.name)}><span class="badge acc">${row.name}</span></a></td><td>${row.url ? html`<${Mark} s="ok">${t("serving.up")}<//>` : html`<${Mark} s="off">${t("serving.off")}<//>`}</td><td class="num">${one?.servers.length ? count(one.predictions) : "–"}</td><td class="num">${one?.latency ? ms(one.latency.p95) : "–"}</td><td class="num" title=${quality ? t("monitor.labelled", { n: quality.labelled, total: quality.total }) : ""}>${quality ? num(quality.accuracy, 3) : "–"}</td></tr>`;
    })}</tbody></table></div>` : html`<${Empty} title=${t("serving.empty")} text=${t("serving.empty.text")} line="cauce serve deploy NAME@latest" />`}<//>`;
}

/** @param {{flows: any[]}} props */
const Flows = ({ flows }) => (flows.length ? html`<${Panel} title=${t("nav.flows")} actions=${html`<a class="small" href=${to("flows")}>${t("flows.all")}</a>`}><ul class="list act-list">${flows.slice(0, 6).map((item) => html`<li key=${item.flow.name}><${Mark} s=${item.state === "running" ? "run" : item.state === "queued" ? "wait" : item.last?.status === "failed" ? "bad" : item.last ? "ok" : "off"} /><a class="medium" style="color:var(--text)" href=${to("flows", item.flow.name)}>${item.flow.name}</a><span class="faint small clip grow">${item.last?.reason ?? t("never")}</span><span class="small mute nowrap">${item.last ? html`${item.last.outcome ? t(/** @type {any} */ (`outcome.${item.last.outcome}`)) : ""} · <${When} at=${item.last.started} />` : ""}</span></li>`)}</ul><//>` : null);

/** Accuracy of a model's versions, with the worst class, and where the data changed. @param {{state: any}} props */
function Quality({ state }) {
  const { model, live } = state;
  const versions = useCall(model ? "models.versions" : null, { name: model?.name }, { on: /model|run\.ended/ }).value ?? [];
  const base = versions.filter((/** @type {any} */ item) => !item.variant).slice(0, 12).reverse();
  const details = useAll("models.show", base.map((/** @type {any} */ item) => ({ model: `${model.name}@${item.number}` })), { on: /model|run\.ended/ });
  const trained = useAll("track.show", base.map((/** @type {any} */ item) => ({ run: item.run })), { on: null });
  if (!model) return null;
  const evaluations = details.map((held) => held.value?.evaluations[0] ?? null);
  const data = trained.map((held) => Math.max(0, ...(held.value?.used ?? []).filter((/** @type {any} */ item) => item.kind === "dataset").map((/** @type {any} */ item) => numberIn(item.refs)).filter((/** @type {number} */ n) => n > 0)));
  const marks = data.flatMap((v, i) => (v && (i === 0 ? base.length > 1 : v !== data[i - 1]) ? [{ at: i, text: t("quality.data", { v }) }] : []));
  const now = base.findIndex((/** @type {any} */ item) => live?.live.model.replace(/-.*/, "") === `${model.name}@${item.number}`);
  const all = evaluations.map((found) => found?.accuracy ?? null);
  const worst = evaluations.map((found) => (found ? Math.min(...found.classes.filter((/** @type {any} */ row) => row.count).map((/** @type {any} */ row) => row.recall)) : null));
  const last = [...evaluations].reverse().find(Boolean);
  const sure = new Set(evaluations.filter(Boolean).map((found) => `${found.dataset} ${found.split}`));
  return html`<${Panel} title=${t("quality.title")} note=${last ? (sure.size === 1 ? t("quality.note", { data: last.dataset.replace("@", " "), split: last.split, n: last.n }) : t("quality.mixed")) : null}>${last ? html`<div class="in" style="padding:10px 8px 4px"><${Steps} label=${t("quality.label", { name: model.name, n: base.length })} steps=${base.map((/** @type {any} */ item) => `v${item.number}`)} series=${[{ name: t("quality.all"), color: "var(--c1)", values: all }, { name: t("quality.worst"), color: "var(--c2)", values: worst }]} marks=${marks} now=${now >= 0 ? now : undefined} nowText=${t("quality.live")} /></div>` : html`<${Empty} title=${t("quality.empty")} text=${t("quality.empty.text")} line=${`cauce models evaluate ${model.name}@latest --data DATA`} />`}<//>`;
}

/** An event in words, or nothing when it says no more than its neighbours. @param {any} event @returns {{text: any, note?: any, href?: string, sign?: import("./ui.js").Sign, group?: string} | null} */
function tell(event) {
  const [kind, rest = ""] = event.subject.split(/\/(.*)/);
  const [name, tag = ""] = rest.split("@");
  const data = event.data;
  if (event.kind === "ref.moved" && data.new) {
    if (kind === "dataset" && /^v\d/.test(tag)) return { text: t("event.dataset", { name, tag }), note: data.message, href: withQuery(to("data", name), { v: tag }), sign: "ok" };
    if (kind === "annotations" && /^v\d/.test(tag)) return { text: t("event.annotations", { name, tag }), note: data.message, href: to("label"), sign: "ok" };
    if (kind === "model" && /^\d+$/.test(tag)) return { text: t("event.model", { name, tag }), href: to("models", name, tag), sign: "ok" };
    if (kind === "model" && /^\d+-/.test(tag)) return { text: t("event.variant", { name, tag: tag.replace("-", " ") }), href: to("models", name, tag), sign: "ok" };
    if (kind === "model" && tag === "champion") return { text: t("event.champion", { name }), note: data.message, href: to("models", name), sign: "ok" };
    if (kind === "deployment" && tag === "live") return { text: t("event.live", { name }), note: data.message, href: to("serving", name), sign: "ok" };
    return null;
  }
  if (event.kind === "run.ended" && ["train", "compare", "drift", "pipeline"].includes(kind)) {
    const outcome = data.outcome ? t(/** @type {any} */ (`outcome.${data.outcome}`)) : "";
    return { text: t(/** @type {any} */ (`event.${kind}`), { name: name || rest }), note: outcome, href: kind === "drift" ? to("monitor", name) : to("runs", data.run), sign: data.status === "finished" ? (data.outcome === "drifted" ? "warn" : "ok") : "bad" };
  }
  if (event.kind === "run.started" && kind === "train") return { text: t("event.started", { name }), href: to("runs", data.run), sign: "run" };
  if (event.kind === "label.submitted") return { text: "", group: `label ${name} ${event.agent}`, href: to("label", name) };
  if (event.kind === "label.created") return { text: t("event.queue", { name }), note: t("n.tasks", { n: data.tasks ?? 0 }), href: to("label", name), sign: "ok" };
  if (event.kind === "job.ended" && data.state === "failed") return { text: t("event.job", { name: rest }), href: to("flows"), sign: "bad" };
  return null;
}

/** @param {{}} _ */
function Today(_) {
  const events = useCall("events.ls", { newest: true, limit: 400 });
  const ended = new Set((events.value ?? []).filter((/** @type {any} */ event) => event.kind === "run.ended").map((/** @type {any} */ event) => event.data.run));
  /** @type {any[]} */
  const lines = [];
  for (const event of [...(events.value ?? [])].sort((a, b) => b.seq - a.seq)) {
    if (event.kind === "run.started" && ended.has(event.data.run)) continue;
    const found = tell(event);
    if (!found) continue;
    const last = lines.at(-1);
    if (found.group && last?.group === found.group) last.n += 1;
    else lines.push({ ...found, n: 1, event });
    if (lines.length > 14) break;
  }
  const today = (/** @type {number} */ at) => new Date(at * 1000).toDateString() === new Date().toDateString();
  return html`<${Panel} title=${lines.length && !lines.slice(0, 12).some((line) => today(line.event.at)) ? t("today.past") : t("today")}><${Loaded} of=${events}>${() => (lines.length ? html`<ul class="list act-list">${lines.slice(0, 12).map((line) => html`<li key=${line.event.seq}><time title=${full(line.event.at)} datetime=${new Date(line.event.at * 1000).toISOString()}>${today(line.event.at) ? clock(line.event.at) : day(line.event.at)}</time><a class="clip" style="color:var(--text)" href=${line.href}>${line.group ? t("event.labels", { n: line.n, name: line.group.split(" ")[1], person: person(line.event.agent) }) : line.text}</a><span class="faint small right clip" style="max-width:46%">${line.note ?? ""}</span><${Mark} s=${line.sign ?? "ok"} /></li>`)}</ul>` : html`<p class="in mute">${t("today.none")}</p>`)}<//><//>`;
}

/** The first steps of an empty project, one command each. */
function First() {
  const steps = /** @type {[import("./ui.js").IconName, string, string][]} */ ([
    ["data", "data", "cauce data add FOLDER"],
    ["label", "label", "cauce label create NAME --dataset FOLDER --classes A B"],
    ["runs", "track", "cauce track run -- python train.py"],
    ["models", "register", "cauce models register latest --name NAME"],
    ["serving", "serve", "cauce serve deploy NAME@latest"],
    ["monitor", "watch", "cauce watch reference prod --data FOLDER"],
  ]);
  return html`<div class="page narrow"><${Head} title=${t("first.title", { project })} sub=${t("first.sub")} />
    <ol class="steps">${steps.map(([icon, key, line], i) => html`<li key=${key} class=${i === 0 ? "now" : ""}><span class="dot"><${Ico} n=${icon} /></span><div><div class="strong">${t(/** @type {any} */ (`first.${key}`))}</div><div class="faint small">${t(/** @type {any} */ (`first.${key}.text`))}</div></div><${Cmd} line=${line} /></li>`)}</ol>
    <div class="note"><${Ico} n="info" /><div>${rich("first.note", { demo: html`<code>cauce demo FOLDER</code>` })}</div></div>
  </div>`;
}
