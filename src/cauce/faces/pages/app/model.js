// One version of a model: the gate, its variants, what it takes and gives, what it stands on.

import { change, useCall } from "./api.js";
import { Dots, Scatter, pareto } from "./charts.js";
import { Dag, simplify } from "./graph.js";
import { Aliases, versionName } from "./things.js";
import { Copy, Empty, Fail, Head, Ico, Id, Loaded, Loading, Mark, Num, Outcome, Panel, Seg, When, ask, go, html, t, to, toast, useQuery, useState, withQuery } from "./ui.js";
import { count, ms, num, pct, signed, size, took, unit } from "./words.js";

/** @param {{name: string, version: string}} props */
export default function Model({ name, version }) {
  const spec = `${name}@${version}`;
  const detail = useCall("models.show", { model: spec }, { on: /model|run\.ended/ });
  if (detail.error && detail.value === undefined) return html`<div class="page"><${Head} title=${name} /><${Fail} error=${detail.error} again=${detail.again} /></div>`;
  if (detail.value === undefined) return html`<div class="page"><${Head} title=${name} sub=${" "} /><${Loading} block rows=${3} /></div>`;
  return html`<${Version} spec=${spec} name=${name} detail=${detail.value} />`;
}

/** @param {{spec: string, name: string, detail: any}} props */
function Version({ spec, name, detail }) {
  const { version, signature, parity, variants, evaluations, comparisons } = detail;
  const deployments = useCall("serve.ls", {}, { on: /deployment/ }).value ?? [];
  const mine = comparisons.filter((/** @type {any} */ item) => item.candidate.version === version.id);
  const live = deployments.filter((/** @type {any} */ item) => item.live.version === version.id);
  const champion = version.aliases.includes("champion");
  const numbers = useCall("models.versions", { name }, { on: /model/ }).value ?? [];
  const named = (/** @type {any} */ side) => ((found) => (found ? versionName(found) : side.model))(numbers.find((/** @type {any} */ item) => item.id === side.version));
  return html`<div class="page">
    <${Head} title=${html`${name} <span class="light">${versionName(version)}</span>`} sub=${html`<${Stages} parity=${parity} comparison=${mine[0]} champion=${champion} live=${live} />`}>
      <a class="btn" href=${withQuery(to("lineage"), { of: `model:${spec}`, direction: "both" })}><${Ico} n="lineage" />${t("nav.lineage")}</a>
      <button type="button" class=${`btn ${champion ? "main-act" : ""}`} onClick=${() => deploy(name, version, variants, deployments)}><${Ico} n="serving" />${t("model.deploy")}</button>
      ${champion ? null : html`<button type="button" class="btn main-act" onClick=${() => promote(name, version, mine[0])}><${Ico} n="check" />${t("model.promote")}</button>`}
    <//>
    <div class="cols side"><div class="stack">
      <${Gate} name=${name} version=${version} comparisons=${mine} parity=${parity} evaluation=${evaluations[0]} named=${named} />
      ${version.variant ? null : html`<${Variants} spec=${spec} variants=${variants} data=${evaluations[0]?.dataset} />`}
      <${Confusion} evaluation=${evaluations[0]} />
    </div><aside class="stack">
      <${Signature} signature=${signature} />
      <${Classes} comparison=${mine.find((/** @type {any} */ item) => item.champion)} evaluation=${evaluations[0]} named=${named} />
      <${Parity} parity=${parity} />
      <${Facts} version=${version} metrics=${detail.metrics} />
    </aside></div>
    <${Lineage} spec=${spec} id=${version.id} />
  </div>`;
}

/** How far the version has come. @param {any} props */
function Stages({ parity, comparison, champion, live }) {
  const steps = /** @type {[import("./ui.js").Sign, any][]} */ ([
    ["ok", t("model.registered")],
    [parity.passed ? "ok" : "bad", t(parity.passed ? "model.proved" : "model.unproved")],
    [comparison ? (comparison.passed ? "ok" : "warn") : "off", comparison ? t(/** @type {any} */ (`outcome.${comparison.verdict}`)) : t("model.uncompared")],
    [champion ? "ok" : "off", champion ? html`<b>${t("models.champion")}</b>` : t("models.champion")],
    [live.length ? "ok" : "off", live.length ? html`<b>${t("model.live", { name: live.map((/** @type {any} */ item) => item.name).join(", ") })}</b>` : t("model.notlive")],
  ]);
  return html`<span class="stage-line">${steps.map(([sign, text]) => html`<span><${Mark} s=${sign}>${text}<//></span>`)}</span>`;
}

/** @param {string} name @param {any} version @param {any} comparison */
function promote(name, version, comparison) {
  const spec = `${name}@${version.number}${version.variant ? `-${version.variant}` : ""}`;
  ask({
    title: t("model.promote.title", { name, v: versionName(version) }),
    body: html`<p>${t("model.promote.text", { name, v: versionName(version) })}</p>${comparison?.champion ? html`<p class="mute">${t("model.promote.verdict", { verdict: t(/** @type {any} */ (`outcome.${comparison.verdict}`)), difference: signed(100 * comparison.difference, 2), n: comparison.n })}</p>` : comparison ? null : html`<p class="warn-t">${t("model.promote.blind")}</p>`}<p class="mute">${t("model.promote.undo")}</p>`,
    verb: t("model.promote"),
    run: async () => {
      await change("models.promote", { model: spec });
      toast(t("model.promoted", { name, v: versionName(version) }));
    },
  });
}

/** @param {string} name @param {any} version @param {any[]} variants @param {any[]} deployments */
function deploy(name, version, variants, deployments) {
  const choice = { name: deployments[0]?.name ?? "prod", variant: version.variant };
  const spec = `${name}@${version.number}`;
  ask({
    title: t("model.deploy.title", { name, v: versionName(version) }),
    body: html`<p>${t("model.deploy.text")}</p>
      <label class="field"><span>${t("kind.deployment")}</span><input class="input" list="deployments" value=${choice.name} onInput=${(/** @type {any} */ event) => (choice.name = event.target.value)} /><datalist id="deployments">${deployments.map((item) => html`<option value=${item.name} />`)}</datalist></label>
      ${version.variant ? null : html`<label class="field"><span>${t("model.variant")}</span><select class="input" onChange=${(/** @type {any} */ event) => (choice.variant = event.target.value)}><option value="">float32</option>${variants.map((item) => html`<option value=${item.precision}>${item.precision}</option>`)}</select></label>`}
      <p class="mute">${t("model.deploy.undo")}</p>`,
    verb: t("model.deploy"),
    run: async () => {
      await change("serve.deploy", { model: spec, name: choice.name, variant: choice.variant });
      toast(t("model.deployed", { name, v: version.number, deployment: choice.name }));
      go(to("serving", choice.name));
    },
  });
}

/** Against the champion, check by check, with its limit. @param {any} props */
function Gate({ name, version, comparisons, parity, evaluation, named }) {
  const [at, pick] = useQuery("against", "0");
  const [error, fail] = useState(/** @type {any} */ (null));
  const [busy, work] = useState(false);
  const found = comparisons[Number(at)] ?? comparisons[0];
  const settings = useCall("admin.settings", {}, { on: null }).value ?? [];
  const setting = (/** @type {string} */ key) => settings.find((/** @type {any} */ item) => item.key === key)?.value;
  const sets = useCall(found ? null : "data.ls", {}, { on: null }).value ?? [];
  const compare = async () => {
    work(true);
    fail(null);
    await change("models.compare", { candidate: `${name}@${version.number}${version.variant ? `-${version.variant}` : ""}`, champion: `${name}@champion`, data: evaluation?.dataset ?? `${sets[0].name}@main` }).catch(fail);
    work(false);
  };
  const actions = html`${comparisons.length > 1 ? html`<${Seg} name=${t("gate.against")} options=${comparisons.slice(0, 3).map((/** @type {any} */ item, /** @type {number} */ i) => [String(i), item.champion ? named(item.champion) : t("outcome.first")])} value=${String(comparisons.indexOf(found))} pick=${(/** @type {string} */ key) => pick(key)} />` : null}`;
  if (!found) {
    return html`<${Panel} title=${t("gate.title")}><${Empty} title=${t("gate.empty")} text=${t("gate.empty.text")} line=${`cauce models compare ${name}@${version.number} ${name}@champion --data ${evaluation?.dataset ?? sets[0]?.name ?? "DATA"}`}>${evaluation || sets.length ? html`<button type="button" class="btn" disabled=${busy} onClick=${compare}>${busy ? t("working") : t("gate.compare")}</button>` : null}${error ? html`<${Fail} error=${error} again=${compare} />` : null}<//><//>`;
  }
  const { candidate, champion } = found;
  const worse = found.classes.filter((/** @type {any} */ row) => row.worse).map((/** @type {any} */ row) => row.label);
  const drop = setting("models.max_drop");
  const gain = setting("models.min_gain");
  /** @type {[import("./ui.js").Sign, any, any, any, any, any][]} */
  const rows = [
    [found.passed ? "ok" : "warn", t("gate.accuracy", { data: found.dataset, split: found.split }), champion ? num(champion.accuracy, 4) : "–", num(candidate.accuracy, 4), champion ? html`<span class=${found.difference > 0 ? "up" : found.difference < 0 ? "warn-t" : ""}>${signed(found.difference, 4)}</span>` : "", champion && gain !== undefined ? t("gate.accuracy.limit", { gain: signed(gain), drop: num(-drop) }) : ""],
  ];
  if (champion) {
    rows.push(
      [found.low > 0 ? "ok" : found.high < 0 ? "bad" : "off", t("gate.interval"), "", "", html`<span class="tn">${signed(found.low, 4)} … ${signed(found.high, 4)}</span>`, t("gate.interval.limit")],
      [found.gained > found.lost ? "ok" : "off", t("gate.rows"), t("gate.only", { n: found.lost }), t("gate.only", { n: found.gained }), `p ${num(found.p_value)}`, ""],
      [worse.length ? "bad" : "ok", t("gate.classes"), "", worse.length ? worse.join(", ") : t("none"), "", t("gate.classes.limit")],
      [candidate.p95 <= champion.p95 ? "ok" : "off", t("gate.latency"), ms(champion.p95), ms(candidate.p95), relative(candidate.p95, champion.p95), t("gate.saving")],
      [candidate.size <= champion.size ? "ok" : "off", t("gate.size"), size(champion.size), size(candidate.size), relative(candidate.size, champion.size), t("gate.saving")],
    );
  }
  rows.push([parity.passed ? "ok" : "bad", t("gate.parity"), "", parity.passed ? t("yes") : t("no"), num(parity.recorded), `≤ ${num(parity.tolerance)}`]);
  return html`<${Panel} title=${t("gate.title")} note=${html`<${Outcome} of=${found.verdict} />`} actions=${html`<span class="small mute">${champion ? t("gate.beside", { model: named(champion) }) : ""}</span>${actions}`} foot=${html`<span class="pre">${found.reasons.map((/** @type {string} */ line) => line[0].toUpperCase() + line.slice(1)).join(". ").replace(/(^|[\s[])-(\d)/g, "$1\u2212$2")}. ${t("gate.n", { n: found.n })}</span><a class="right nowrap" href=${to("runs", found.run)}>${t("gate.run")}</a>`}>
    <div class="scroll"><table aria-label=${t("gate.title")}><thead><tr><th>${t("gate.check")}</th><th class="num">${champion ? named(champion) : "–"}</th><th class="num">${named(candidate)}</th><th class="num">${t("col.change")}</th><th class="num">${t("gate.limit")}</th></tr></thead>
      <tbody>${rows.map(([sign, what, before, after, changed, limit]) => html`<tr><td><${Mark} s=${sign}>${what}<//></td><td class="num mute">${before}</td><td class="num strong">${after}</td><td class="num">${changed}</td><td class="num mute">${limit}</td></tr>`)}</tbody></table></div><//>`;
}

/** @param {number} now @param {number} before */
const relative = (now, before) => (before ? html`<span class=${now < before * 0.995 ? "up" : now > before * 1.005 ? "warn-t" : "faint"}>${now > before ? "+" : ""}${pct(now / before - 1)}</span>` : "");

/** @param {{spec: string, variants: any[], data?: string}} props */
function Variants({ spec, variants, data }) {
  const [view, show] = useQuery("variants", "chart");
  if (!variants.length) return html`<${Panel} title=${t("variants.title")}><${Empty} title=${t("variants.empty")} text=${t("variants.empty.text")} line=${`cauce models optimise ${spec} --data ${data ?? "DATA"}`} /><//>`;
  const newest = variants[0];
  const tried = [newest.base, ...variants.flatMap((item) => item.tried)].filter((item) => !item.error && item.p50);
  const unique = [...new Map(tried.map((item) => [item.recipe, item])).values()];
  const ways = pareto(unique.map((item) => ({ name: item.recipe === "float32" ? item.recipe : `${newest.precision} ${item.recipe}`, accuracy: item.accuracy, latency: item.p50, size: item.size, chosen: variants.some((other) => other.chosen.recipe === item.recipe) })));
  const failed = newest.tried.filter((/** @type {any} */ item) => item.error);
  return html`<${Panel} title=${t("variants.title")} note=${t("variants.note")} actions=${html`<${Seg} name=${t("variants.title")} options=${[["chart", t("view.chart")], ["table", t("view.table")]]} value=${view} pick=${(/** @type {string} */ key) => show(key)} />`} foot=${html`<span>${t("variants.foot", { rows: newest.rows, calibration: newest.calibration })}${failed.length ? ` ${t("variants.failed", { names: failed.map((/** @type {any} */ item) => item.recipe).join(", ") })}` : ""}</span>`}>
    ${view === "chart" ? html`<div class="in" style="padding:8px 12px 6px"><${Scatter} label=${t("variants.label", { n: ways.length })} axis=${t("variants.axis")} ways=${ways} /></div>` : html`<div class="scroll"><table aria-label=${t("variants.title")}><thead><tr><th>${t("variants.recipe")}</th><th class="num">${t("col.accuracy")}</th><th class="num">${t("variants.agreement")}</th><th class="num">p50</th><th class="num">p95</th><th class="num">${t("variants.throughput")}</th><th class="num">${t("col.size")}</th></tr></thead>
      <tbody>${unique.map((item) => html`<tr key=${item.recipe}><td>${item.recipe}${variants.some((other) => other.chosen.recipe === item.recipe) ? html` <span class="badge acc">${t("variants.chosen")}</span>` : null}</td><td class="num"><${Num} x=${item.accuracy} digits=${4} /></td><td class="num">${pct(item.agreement, 2)}</td><td class="num">${ms(item.p50)}</td><td class="num">${ms(item.p95)}</td><td class="num">${unit(Math.round(item.throughput), "/s")}</td><td class="num">${size(item.size)}</td></tr>`)}</tbody></table></div>`}<//>`;
}

/** What was taken for what. @param {{evaluation: any}} props */
function Confusion({ evaluation }) {
  if (!evaluation?.confusion?.length || evaluation.confusion.length > 20) return null;
  const labels = evaluation.classes.map((/** @type {any} */ row) => row.label);
  const wrong = Math.max(1, ...evaluation.confusion.flatMap((/** @type {number[]} */ row, /** @type {number} */ i) => row.filter((_, j) => i !== j)));
  const tint = (/** @type {number} */ n, /** @type {boolean} */ right) => (n ? (right ? "background:var(--ok-soft)" : `background:color-mix(in srgb, var(--c2) ${12 + (50 * n) / wrong}%, transparent)`) : "");
  return html`<${Panel} title=${t("confusion.title")} note=${t("confusion.note", { data: evaluation.dataset, split: evaluation.split, n: evaluation.n })}><div class="scroll"><table aria-label=${t("confusion.title")} class="tn"><thead><tr><th>${t("confusion.true")}</th>${labels.map((/** @type {string} */ label) => html`<th class="num">${label}</th>`)}<th class="num">${t("confusion.recall")}</th></tr></thead>
    <tbody>${evaluation.confusion.map((/** @type {number[]} */ row, /** @type {number} */ i) => html`<tr key=${labels[i]}><td class="strong">${labels[i]}</td>${row.map((n, j) => html`<td class=${`num ${n ? "" : "faint"}`} style=${tint(n, i === j)}>${n ? count(n) : "·"}</td>`)}<td class="num"><${Num} x=${evaluation.classes[i].recall} digits=${3} /></td></tr>`)}</tbody></table></div><//>`;
}

/** @param {{signature: any}} props */
const Signature = ({ signature }) => html`<${Panel} title=${t("signature")} actions=${html`<${Copy} text=${JSON.stringify(signature, null, 2)} label="JSON" />`}><div class="scroll"><table aria-label=${t("signature")}><thead><tr><th>${t("col.name")}</th><th>${t("signature.type")}</th><th>${t("signature.shape")}</th></tr></thead><tbody>
  ${[["in", signature.inputs], ["out", signature.outputs]].map(([way, list]) => list.map((/** @type {any} */ item) => html`<tr key=${way + item.name}><td><span class="faint">${t(way === "in" ? "signature.in" : "signature.out")}</span> ${item.name}</td><td class="mono">${item.dtype}</td><td class="mono">[${item.shape.map((/** @type {number} */ n) => (n < 0 ? "n" : n)).join(", ")}]</td></tr>`))}
</tbody></table></div>${signature.classes.length || signature.inputs[0]?.meaning ? html`<footer>${signature.inputs[0]?.meaning ? t("signature.image", { w: signature.inputs[0].meaning.width, h: signature.inputs[0].meaning.height, mode: signature.inputs[0].meaning.mode }) : ""} ${signature.classes.length ? t("signature.classes", { n: signature.classes.length, names: signature.classes.slice(0, 12).join(", ") }) : ""}</footer>` : null}<//>`;

/** @param {{comparison: any, evaluation: any, named: (side: any) => string}} props */
function Classes({ comparison, evaluation, named }) {
  const rows = comparison
    ? comparison.classes.map((/** @type {any} */ row) => ({ name: row.label, before: row.champion / row.count, after: row.candidate / row.count, worse: row.worse || row.candidate < row.champion }))
    : (evaluation?.classes ?? []).map((/** @type {any} */ row) => ({ name: row.label, before: null, after: row.recall, worse: false }));
  if (!rows.length) return null;
  return html`<${Panel} title=${t("classes.title")} actions=${comparison ? html`<span class="legend"><span><${Mark} s="off">${named(comparison.champion)}<//></span><span><i style="background:var(--c1);border-radius:50%"></i>${named(comparison.candidate)}</span></span>` : null}><div class="in"><${Dots} label=${t("classes.label", { n: rows.length })} rows=${rows} /></div><//>`;
}

/** @param {{parity: any}} props */
const Parity = ({ parity }) => html`<${Panel} title=${t("parity.title")} note=${html`<${Mark} s=${parity.passed ? "ok" : "bad"}>${t(parity.passed ? "parity.passed" : "parity.failed")}<//>`}><div class="in"><dl class="kv s">
  <dt>${t("parity.rows")}</dt><dd class="tn">${count(parity.rows)}</dd><dt>${t("parity.recorded")}</dt><dd class="tn">${num(parity.recorded)}</dd><dt>${t("parity.reloaded")}</dt><dd class="tn">${num(parity.reloaded)}</dd>
  <dt>${t("parity.labels")}</dt><dd class="tn">${pct(parity.labels, 2)}</dd><dt>${t("gate.limit")}</dt><dd class="tn">≤ ${num(parity.tolerance)}</dd><dt>${t("col.took")}</dt><dd class="tn">${took(parity.seconds)}</dd></dl></div><//>`;

/** @param {{version: any, metrics: Record<string, number>}} props */
const Facts = ({ version, metrics }) => html`<${Panel} title=${t("facts")} actions=${html`<${Copy} text=${version.id} label=${t("copy.id")} />`}><div class="in"><dl class="kv s">
  <dt>${t("models.registered")}</dt><dd><${When} at=${version.created} /></dd><dt>${t("models.aliases")}</dt><dd>${version.aliases.length ? html`<${Aliases} tags=${version.aliases} />` : "–"}</dd>
  <dt>${t("models.trained")}</dt><dd><a href=${to("runs", version.run)}>${t("model.run")}</a></dd><dt>${t("models.framework")}</dt><dd>${version.framework}</dd><dt>${t("col.size")}</dt><dd class="tn">${size(version.size)}</dd><dt>${t("col.id")}</dt><dd><${Id} of=${version.id} /></dd>
  ${Object.entries(metrics).slice(0, 8).map(([key, value]) => html`<dt>${key}</dt><dd class="tn"><${Num} x=${value} /></dd>`)}</dl></div><//>`;

/** @param {{spec: string, id: string}} props */
function Lineage({ spec, id }) {
  const graph = useCall("lineage.show", { of: `model:${spec}`, direction: "both", limit: 80 }, { on: /model|deployment|run\.ended/ });
  return html`<${Panel} title=${t("nav.lineage")} note=${t("lineage.note")} actions=${html`<a class="btn bare s" href=${withQuery(to("lineage"), { of: `model:${spec}`, direction: "both" })}><${Ico} n="grow" />${t("lineage.open")}</a>`}><div class="in"><${Loaded} of=${graph} block rows=${1}>${(/** @type {any} */ value) => html`<${Dag} graph=${simplify(value, id)} label=${t("lineage.label", { n: value.nodes.length })} here=${id} />${value.truncated ? html`<p class="small faint">${t("lineage.cut", { n: value.nodes.length })}</p>` : null}`}<//></div><//>`;
}
