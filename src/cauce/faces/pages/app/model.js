// One version of a model: the gate, its variants, what it takes and gives, what it stands on.

import { change, useCall } from "./api.js";
import { Dots } from "./charts.js";
import { Confusion, Gate, Variants } from "./gate.js";
import { Aliases, Dag, simplify, versionName } from "./things.js";
import {
  Copy,
  Fail,
  Head,
  Ico,
  Id,
  Loaded,
  Loading,
  Mark,
  Num,
  Panel,
  When,
  ask,
  go,
  html,
  t,
  to,
  toast,
  withQuery,
} from "./ui.js";
import { count, num, pct, signed, size, took } from "./words.js";

/** @param {{name: string, version: string}} props */
export default function Model({ name, version }) {
  const spec = `${name}@${version}`;
  const detail = useCall("models.show", { model: spec }, { on: /model|run\.ended/ });
  if (detail.error && detail.value === undefined)
    return html`<div class="page"><${Head} title=${name} /><${Fail} error=${detail.error} again=${detail.again} /></div>`;
  if (detail.value === undefined)
    return html`<div class="page"><${Head} title=${name} sub=${" "} /><${Loading} block rows=${3} /></div>`;
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
  const named = (/** @type {any} */ side) =>
    ((found) => (found ? versionName(found) : side.model))(
      numbers.find((/** @type {any} */ item) => item.id === side.version),
    );
  return html`<div class="page">
    <${Head}
      title=${html`${name} <span class="light">${versionName(version)}</span>`}
      sub=${html`<${Stages} parity=${parity} comparison=${mine[0]} champion=${champion} live=${live} />`}
    >
      <a class="btn" href=${withQuery(to("lineage"), { of: `model:${spec}`, direction: "both" })}>
        <${Ico} n="lineage" />
        ${t("nav.lineage")}
      </a>
      <button
        type="button"
        class=${`btn ${champion ? "main-act" : ""}`}
        onClick=${() => deploy(name, version, variants, deployments)}
      >
        <${Ico} n="serving" />
        ${t("model.deploy")}
      </button>
      ${
        champion
          ? null
          : html`<button type="button" class="btn main-act" onClick=${() => promote(name, version, mine[0])}>
        <${Ico} n="check" />
        ${t("model.promote")}
      </button>`
      }
    <//>
    <div class="cols side">
      <div class="stack">
        <${Gate}
          name=${name}
          version=${version}
          comparisons=${mine}
          parity=${parity}
          evaluation=${evaluations[0]}
          named=${named}
        />
        ${version.variant ? null : html`<${Variants} spec=${spec} variants=${variants} data=${evaluations[0]?.dataset} />`}
        <${Confusion} evaluation=${evaluations[0]} />
      </div>
      <aside class="stack">
        <${Signature} signature=${signature} />
        <${Classes}
          comparison=${mine.find((/** @type {any} */ item) => item.champion)}
          evaluation=${evaluations[0]}
          named=${named}
        />
        <${Parity} parity=${parity} />
        <${Facts} version=${version} metrics=${detail.metrics} />
      </aside>
    </div>
    <${Lineage} spec=${spec} id=${version.id} />
  </div>`;
}

/** How far the version has come. @param {any} props */
function Stages({ parity, comparison, champion, live }) {
  const steps = /** @type {[import("./ui.js").Sign, any][]} */ ([
    ["ok", t("model.registered")],
    [parity.passed ? "ok" : "bad", t(parity.passed ? "model.proved" : "model.unproved")],
    [
      comparison ? (comparison.passed ? "ok" : "warn") : "off",
      comparison ? t(/** @type {any} */ (`outcome.${comparison.verdict}`)) : t("model.uncompared"),
    ],
    [champion ? "ok" : "off", champion ? html`<b>${t("models.champion")}</b>` : t("models.champion")],
    [
      live.length ? "ok" : "off",
      live.length
        ? html`<b>${t("model.live", { name: live.map((/** @type {any} */ item) => item.name).join(", ") })}</b>`
        : t("model.notlive"),
    ],
  ]);
  return html`<span class="stage-line">${steps.map(([sign, text]) => html`<span><${Mark} s=${sign}>${text}<//></span>`)}</span>`;
}

/** @param {string} name @param {any} version @param {any} comparison */
function promote(name, version, comparison) {
  const spec = `${name}@${version.number}${version.variant ? `-${version.variant}` : ""}`;
  ask({
    title: t("model.promote.title", { name, v: versionName(version) }),
    body: html`
      <p>${t("model.promote.text", { name, v: versionName(version) })}</p>
      ${
        comparison?.champion
          ? html`<p class="mute">
        ${t("model.promote.verdict", { verdict: t(/** @type {any} */ (`outcome.${comparison.verdict}`)), difference: signed(100 * comparison.difference, 2), n: comparison.n })}
      </p>`
          : comparison
            ? null
            : html`<p class="warn-t">${t("model.promote.blind")}</p>`
      }
      <p class="mute">${t("model.promote.undo")}</p>
    `,
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
    body: html`
      <p>${t("model.deploy.text")}</p>
      <label class="field">
        <span>${t("kind.deployment")}</span>
        <input
          class="input"
          list="deployments"
          value=${choice.name}
          onInput=${(/** @type {any} */ event) => (choice.name = event.target.value)}
        />
        <datalist id="deployments">${deployments.map((item) => html`<option value=${item.name} />`)}</datalist>
      </label>
      ${
        version.variant
          ? null
          : html`<label class="field">
        <span>${t("model.variant")}</span>
        <select class="input" onChange=${(/** @type {any} */ event) => (choice.variant = event.target.value)}>
          <option value="">float32</option>
          ${variants.map((item) => html`<option value=${item.precision}>${item.precision}</option>`)}
        </select>
      </label>`
      }
      <p class="mute">${t("model.deploy.undo")}</p>
    `,
    verb: t("model.deploy"),
    run: async () => {
      await change("serve.deploy", { model: spec, name: choice.name, variant: choice.variant });
      toast(t("model.deployed", { name, v: version.number, deployment: choice.name }));
      go(to("serving", choice.name));
    },
  });
}

/** What a row stands for and which classes there are, in words. @param {any} signature */
function meaningOf({ inputs, classes }) {
  const image = inputs[0]?.meaning;
  const words = [];
  if (image) words.push(t("signature.image", { w: image.width, h: image.height, mode: image.mode }));
  if (classes.length)
    words.push(t("signature.classes", { n: classes.length, names: classes.slice(0, 12).join(", ") }));
  return words.join(" ");
}

/** @param {{signature: any}} props */
const Signature = ({ signature }) => html`<${Panel}
  title=${t("signature")}
  actions=${html`<${Copy} text=${JSON.stringify(signature, null, 2)} label="JSON" />`}
>
  <div class="scroll">
    <table aria-label=${t("signature")}>
      <thead><tr><th>${t("col.name")}</th><th>${t("signature.type")}</th><th>${t("signature.shape")}</th></tr></thead>
      <tbody>
        ${[
          ["in", signature.inputs],
          ["out", signature.outputs],
        ].map(([way, list]) =>
          list.map(
            (/** @type {any} */ item) =>
              html`<tr key=${way + item.name}>
          <td><span class="faint">${t(way === "in" ? "signature.in" : "signature.out")}</span> ${item.name}</td>
          <td class="mono">${item.dtype}</td>
          <td class="mono">[${item.shape.map((/** @type {number} */ n) => (n < 0 ? "n" : n)).join(", ")}]</td>
        </tr>`,
          ),
        )}
      </tbody>
    </table>
  </div>
  ${
    signature.classes.length || signature.inputs[0]?.meaning
      ? html`<footer>
    ${meaningOf(signature)}
  </footer>`
      : null
  }
<//>`;

/** @param {{comparison: any, evaluation: any, named: (side: any) => string}} props */
function Classes({ comparison, evaluation, named }) {
  const rows = comparison
    ? comparison.classes.map((/** @type {any} */ row) => ({
        name: row.label,
        before: row.champion / row.count,
        after: row.candidate / row.count,
        worse: row.worse || row.candidate < row.champion,
      }))
    : (evaluation?.classes ?? []).map((/** @type {any} */ row) => ({
        name: row.label,
        before: null,
        after: row.recall,
        worse: false,
      }));
  if (!rows.length) return null;
  return html`<${Panel}
    title=${t("classes.title")}
    actions=${
      comparison
        ? html`<span class="legend">
      <span><${Mark} s="off">${named(comparison.champion)}<//></span>
      <span><i style="background:var(--c1);border-radius:50%"></i>${named(comparison.candidate)}</span>
    </span>`
        : null
    }
  >
    <div class="in"><${Dots} label=${t("classes.label", { n: rows.length })} rows=${rows} /></div>
  <//>`;
}

/** @param {{parity: any}} props */
const Parity = ({ parity }) => html`<${Panel}
  title=${t("parity.title")}
  note=${html`<${Mark} s=${parity.passed ? "ok" : "bad"}>${t(parity.passed ? "parity.passed" : "parity.failed")}<//>`}
>
  <div class="in">
    <dl class="kv s">
      <dt>${t("parity.rows")}</dt>
      <dd class="tn">${count(parity.rows)}</dd>
      <dt>${t("parity.recorded")}</dt>
      <dd class="tn">${num(parity.recorded)}</dd>
      <dt>${t("parity.reloaded")}</dt>
      <dd class="tn">${num(parity.reloaded)}</dd>
      <dt>${t("parity.labels")}</dt>
      <dd class="tn">${pct(parity.labels, 2)}</dd>
      <dt>${t("gate.limit")}</dt>
      <dd class="tn">≤ ${num(parity.tolerance)}</dd>
      <dt>${t("col.took")}</dt>
      <dd class="tn">${took(parity.seconds)}</dd>
    </dl>
  </div>
<//>`;

/** @param {{version: any, metrics: Record<string, number>}} props */
const Facts = ({
  version,
  metrics,
}) => html`<${Panel} title=${t("facts")} actions=${html`<${Copy} text=${version.id} label=${t("copy.id")} />`}>
  <div class="in">
    <dl class="kv s">
      <dt>${t("models.registered")}</dt>
      <dd><${When} at=${version.created} /></dd>
      <dt>${t("models.aliases")}</dt>
      <dd>${version.aliases.length ? html`<${Aliases} tags=${version.aliases} />` : "–"}</dd>
      <dt>${t("models.trained")}</dt>
      <dd><a href=${to("runs", version.run)}>${t("model.run")}</a></dd>
      <dt>${t("models.framework")}</dt>
      <dd>${version.framework}</dd>
      <dt>${t("col.size")}</dt>
      <dd class="tn">${size(version.size)}</dd>
      <dt>${t("col.id")}</dt>
      <dd><${Id} of=${version.id} /></dd>
      ${Object.entries(metrics)
        .slice(0, 8)
        .map(([key, value]) => html`<dt>${key}</dt><dd class="tn"><${Num} x=${value} /></dd>`)}
    </dl>
  </div>
<//>`;

/** @param {{spec: string, id: string}} props */
function Lineage({ spec, id }) {
  const graph = useCall(
    "lineage.show",
    { of: `model:${spec}`, direction: "both", limit: 80 },
    { on: /model|deployment|run\.ended/ },
  );
  return html`<${Panel}
    title=${t("nav.lineage")}
    note=${t("lineage.note")}
    actions=${html`<a class="btn bare s" href=${withQuery(to("lineage"), { of: `model:${spec}`, direction: "both" })}>
      <${Ico} n="grow" />
      ${t("lineage.open")}
    </a>`}
  >
    <div class="in">
      <${Loaded} of=${graph} block rows=${1}>
        ${(/** @type {any} */ value) => html`
          <${Dag} graph=${simplify(value, id)} label=${t("lineage.label", { n: value.nodes.length })} here=${id} />
          ${value.truncated ? html`<p class="small faint">${t("lineage.cut", { n: value.nodes.length })}</p>` : null}
        `}
      <//>
    </div>
  <//>`;
}
