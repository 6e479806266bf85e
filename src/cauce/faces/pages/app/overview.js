// The whole course on one page: the state, what waits, what serves, how quality went, what happened.

import { useAll, useCall } from "./api.js";
import { Steps } from "./charts.js";
import { Course, newestData } from "./course.js";
import { First, Today } from "./today.js";
import { Empty, Head, Ico, Loaded, Loading, Mark, Panel, When, html, t, to } from "./ui.js";
import { ago, count, ms, num } from "./words.js";

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
  const model =
    models.value?.find((/** @type {any} */ item) => live && item.name === live.live.model.split("@")[0]) ??
    models.value?.[0];
  const detail = useCall(
    model ? "models.show" : null,
    { model: `${model?.name}@${model?.latest.number}` },
    { on: /model|run\.ended/ },
  );
  const serving = useCall(live ? "serve.show" : null, { name: live?.name }, { on: /deployment/, every: 10 });
  const reports = useCall(
    live ? "watch.reports" : null,
    { name: live?.name, limit: 10 },
    { on: /drift|report|deployment/ },
  );
  const above = useCall(
    model ? "lineage.show" : null,
    { of: `model:${model?.name}@${model?.latest.number}`, limit: 60 },
    { on: /model/ },
  );
  const under = useCall(
    live ? "lineage.show" : null,
    { of: `deployment:${live?.name}`, limit: 60 },
    { on: /deployment/ },
  );
  const trained =
    runs.value?.runs.find((/** @type {any} */ run) => run.status === "finished" && Object.keys(run.metrics).length) ??
    null;
  const detailed = useCall(trained ? "track.show" : null, { run: trained?.id }, { on: /dataset/ });
  const held = [sets, queues, runs, models, deployments, flows];
  return {
    sets,
    queues,
    runs,
    models,
    deployments,
    flows,
    live,
    model,
    detail: detail.value,
    serving: serving.value,
    reports: reports.value ?? [],
    above: above.value,
    under: under.value,
    trained,
    used: detailed.value?.used ?? [],
    held,
  };
}

export default function Overview() {
  const state = useProject();
  if (state.held.some((held) => held.value === undefined && held.busy))
    return html`<div class="page"><h1 class="vh">${t("nav.overview")}</h1><${Loading} block rows=${3} /></div>`;
  const empty =
    !state.sets.value?.length &&
    !state.queues.value?.length &&
    !state.runs.value?.total &&
    !state.models.value?.length &&
    state.held.every((held) => !held.error);
  if (empty) return html`<${First} />`;
  const waits = waiting(state);
  return html`<div class="page">
    <${Head} title=${headline(state)} sub=${subline(state, waits.length)} />
    ${state.held
      .filter((held) => held.error)
      .slice(0, 1)
      .map((held) => html`<div class="panel"><${Loaded} of=${held}>${() => null}<//></div>`)}
    <${Course} state=${state} />
    <div class="cols">
      <div class="stack">
        <${Waiting} list=${waits} />
        <${ServingNow} state=${state} />
        <${Flows} flows=${state.flows.value ?? []} />
      </div>
      <div class="stack"><${Quality} state=${state} /><${Today} /></div>
    </div>
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
  if (quality)
    facts.push(t("head.accuracy.live", { x: num(quality.accuracy, 3), n: quality.labelled, total: quality.total }));
  else if (detail?.version.accuracy) facts.push(t("head.accuracy", { x: num(detail.version.accuracy, 3) }));
  if (facts.length) parts.push(`${facts.join(", ")}.`);
  return parts.join(" ");
}

/** What is waiting for a person, with the reason and where to go. @param {any} state @returns {{icon: import("./ui.js").IconName, title: string, text: string, verb: string, href: string}[]} */
function waiting({ live, reports, model, detail, queues, flows, serving }) {
  const list = [];
  const report = reports[0];
  const comparison = detail?.comparisons.find(
    (/** @type {any} */ item) => item.candidate.version === detail.version.id,
  );
  if (model && model.champion?.id !== model.latest.id && !model.latest.variant && (comparison?.passed ?? true)) {
    list.push({
      icon: /** @type {const} */ ("models"),
      title: t("wait.model", { name: model.name, v: model.latest.number }),
      text: comparison?.champion
        ? t("wait.model.judged", {
            verdict: t(/** @type {any} */ (`outcome.${comparison.verdict}`)),
            difference: num(100 * comparison.difference, 2),
            champion: titled(comparison.champion.model),
            n: comparison.n,
          })
        : t("wait.model.unjudged"),
      verb: t("wait.review"),
      href: to("models", model.name, model.latest.number),
    });
  }
  for (const queue of queues.value ?? []) {
    const n = queue.counts.waiting;
    if (n)
      list.push({
        icon: /** @type {const} */ ("label"),
        title: t("wait.label", { n }),
        text: t("wait.label.text", {
          name: queue.name,
          done: queue.counts.done,
          all: n + queue.counts.done + queue.counts.leased + queue.counts.skipped,
        }),
        verb: t("nav.label"),
        href: to("label", queue.name),
      });
    else if (queue.counts.done && !queue.published)
      list.push({
        icon: /** @type {const} */ ("label"),
        title: t("wait.publish", { name: queue.name }),
        text: t("wait.publish.text", { n: queue.counts.done }),
        verb: t("label.publish"),
        href: to("label"),
      });
  }
  if (report && live && report.deployment !== live.live.id)
    list.push({
      icon: /** @type {const} */ ("monitor"),
      title: t("wait.check", { name: live.name }),
      text: t("wait.check.text", { model: titled(live.live.model) }),
      verb: t("wait.inspect"),
      href: to("monitor", live.name),
    });
  if (report?.outcome === "drifted" && report.deployment === live?.live.id) {
    const moved = report.inputs.filter((/** @type {any} */ item) => item.drifted);
    list.push({
      icon: /** @type {const} */ ("monitor"),
      title: t("wait.drift", { n: moved.length, name: live.name }),
      text: t("wait.drift.text", {
        what: moved[0].what || moved[0].name,
        distance: num(moved[0].distance, 2),
        ago: ago(report.at),
      }),
      verb: t("wait.inspect"),
      href: to("monitor", live.name),
    });
  }
  for (const item of flows.value ?? [])
    if (item.last?.status === "failed")
      list.push({
        icon: /** @type {const} */ ("flows"),
        title: t("wait.flow", { name: item.flow.name }),
        text: item.last.error || item.last.reason,
        verb: t("wait.inspect"),
        href: to("flows", item.flow.name),
      });
  if (live && serving && !serving.servers.length)
    list.push({
      icon: /** @type {const} */ ("serving"),
      title: t("wait.server", { name: live.name }),
      text: t("wait.server.text", { name: live.name }),
      verb: t("wait.inspect"),
      href: to("serving", live.name),
    });
  return list;
}

/** @param {{list: {icon: import("./ui.js").IconName, title: string, text: string, verb: string, href: string}[]}} props */
const Waiting = ({ list }) =>
  html`<${Panel} title=${t("wait.title")} note=${list.length || null}>
    ${
      list.length
        ? html`<ul class="list">
      ${list.map(
        (item, i) => html`<li key=${item.title}>
        <${Ico} n=${item.icon} class="warn-t" />
        <div class="grow"><div class="medium">${item.title}</div><div class="mute small">${item.text}</div></div>
        <a class=${`btn s right ${i === 0 ? "main-act" : ""}`} href=${item.href}>${item.verb}</a>
      </li>`,
      )}
    </ul>`
        : html`<p class="in mute">${t("wait.none")}</p>`
    }
  <//>`;

/** @param {{state: any}} props */
function ServingNow({ state }) {
  const rows = state.deployments.value ?? [];
  const shown = useAll(
    "serve.show",
    rows.map((/** @type {any} */ row) => ({ name: row.name })),
    { on: /deployment/ },
  );
  const reports = useAll(
    "watch.reports",
    rows.map((/** @type {any} */ row) => ({ name: row.name, limit: 1 })),
    { on: /drift|report/ },
  );
  return html`<${Panel}
    title=${t("serving.now")}
    actions=${rows.length ? html`<a class="small" href=${to("serving")}>${t("serving.all")}</a>` : null}
  >
    ${
      rows.length
        ? html`<div class="scroll">
      <table aria-label=${t("serving.now")}>
        <thead>
          <tr>
            <th>${t("kind.model")}</th>
            <th>${t("kind.deployment")}</th>
            <th>${t("col.state")}</th>
            <th class="num">${t("serving.answered")}</th>
            <th class="num">p95</th>
            <th class="num">${t("col.accuracy")}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((/** @type {any} */ row, /** @type {number} */ i) => {
            const [one, quality] = [shown[i]?.value, reports[i]?.value?.[0]?.quality];
            return html`<tr key=${row.name}>
            <td><a href=${to("models", ...row.live.model.split("@"))}>${titled(row.live.model)}</a></td>
            <td><a href=${to("serving", row.name)}><span class="badge acc">${row.name}</span></a></td>
            <td>
              ${row.url ? html`<${Mark} s="ok">${t("serving.up")}<//>` : html`<${Mark} s="off">${t("serving.off")}<//>`}
            </td>
            <td class="num">${one?.servers.length ? count(one.predictions) : "–"}</td>
            <td class="num">${one?.latency ? ms(one.latency.p95) : "–"}</td>
            <td
              class="num"
              title=${quality ? t("monitor.labelled", { n: quality.labelled, total: quality.total }) : ""}
            >
              ${quality ? num(quality.accuracy, 3) : "–"}
            </td>
          </tr>`;
          })}
        </tbody>
      </table>
    </div>`
        : html`<${Empty} title=${t("serving.empty")} text=${t("serving.empty.text")} line="cauce serve deploy NAME@latest" />`
    }
  <//>`;
}

/** @param {{flows: any[]}} props */
const Flows = ({ flows }) =>
  flows.length
    ? html`<${Panel} title=${t("nav.flows")} actions=${html`<a class="small" href=${to("flows")}>${t("flows.all")}</a>`}>
      <ul class="list act-list">
        ${flows.slice(0, 6).map(
          (item) => html`<li key=${item.flow.name}>
          <${Mark}
            s=${item.state === "running" ? "run" : item.state === "queued" ? "wait" : item.last?.status === "failed" ? "bad" : item.last ? "ok" : "off"}
          />
          <a class="medium" style="color:var(--text)" href=${to("flows", item.flow.name)}>${item.flow.name}</a>
          <span class="faint small clip grow">${item.last?.reason ?? t("never")}</span>
          <span class="small mute nowrap">
            ${
              item.last
                ? html`
              ${item.last.outcome ? t(/** @type {any} */ (`outcome.${item.last.outcome}`)) : ""} · <${When} at=${item.last.started} />
            `
                : ""
            }
          </span>
        </li>`,
        )}
      </ul>
    <//>`
    : null;

/** Accuracy of a model's versions, with the worst class, and where the data changed. @param {{state: any}} props */
function Quality({ state }) {
  const { model, live } = state;
  const versions =
    useCall(model ? "models.versions" : null, { name: model?.name }, { on: /model|run\.ended/ }).value ?? [];
  const base = versions
    .filter((/** @type {any} */ item) => !item.variant)
    .slice(0, 12)
    .reverse();
  const details = useAll(
    "models.show",
    base.map((/** @type {any} */ item) => ({ model: `${model.name}@${item.number}` })),
    { on: /model|run\.ended/ },
  );
  const trained = useAll(
    "track.show",
    base.map((/** @type {any} */ item) => ({ run: item.run })),
    { on: null },
  );
  if (!model) return null;
  const evaluations = details.map((held) => held.value?.evaluations[0] ?? null);
  const data = trained.map((held) => newestData(held.value?.used ?? []));
  const marks = data.flatMap((v, i) =>
    v && (i === 0 ? base.length > 1 : v !== data[i - 1]) ? [{ at: i, text: t("quality.data", { v }) }] : [],
  );
  const now = base.findIndex(
    (/** @type {any} */ item) => live?.live.model.replace(/-.*/, "") === `${model.name}@${item.number}`,
  );
  const all = evaluations.map((found) => found?.accuracy ?? null);
  const worst = evaluations.map((found) =>
    found
      ? Math.min(
          ...found.classes.filter((/** @type {any} */ row) => row.count).map((/** @type {any} */ row) => row.recall),
        )
      : null,
  );
  const last = [...evaluations].reverse().find(Boolean);
  const sure = new Set(evaluations.filter(Boolean).map((found) => `${found.dataset} ${found.split}`));
  return html`<${Panel}
    title=${t("quality.title")}
    note=${last ? (sure.size === 1 ? t("quality.note", { data: last.dataset.replace("@", " "), split: last.split, n: last.n }) : t("quality.mixed")) : null}
  >
    ${
      last
        ? html`<div class="in" style="padding:10px 8px 4px">
      <${Steps}
        label=${t("quality.label", { name: model.name, n: base.length })}
        steps=${base.map((/** @type {any} */ item) => `v${item.number}`)}
        series=${[
          { name: t("quality.all"), color: "var(--c1)", values: all },
          { name: t("quality.worst"), color: "var(--c2)", values: worst },
        ]}
        marks=${marks}
        now=${now >= 0 ? now : undefined}
        nowText=${t("quality.live")}
      />
    </div>`
        : html`<${Empty}
      title=${t("quality.empty")}
      text=${t("quality.empty.text")}
      line=${`cauce models evaluate ${model.name}@latest --data DATA`}
    />`
    }
  <//>`;
}
