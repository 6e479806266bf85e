// Labelling queues: how far each is, and what to do next with it.

import { change, useCall } from "./api.js";
import { Do, Empty, Head, Loaded, Mark, Panel, When, ask, html, t, to, toast } from "./ui.js";
import { count, pct } from "./words.js";

/** All tasks of a queue. @param {any} counts */
export const totalOf = (counts) => counts.waiting + counts.leased + counts.done + counts.skipped;

/** Ask before a queue's labels become a version, and offer to file them into the data. @param {any} queue */
export function publish(queue) {
  const set = queue.dataset.split("@")[0];
  const choice = { message: "", merge: false };
  ask({
    title: t("label.publish.title", { name: queue.name }),
    body: html`
      <p>
        ${t("label.publish.text", { n: queue.counts.done, name: queue.name, next: queue.published ? t("label.publish.after", { v: queue.published }) : t("label.publish.first") })}
      </p>
      <label class="field">
        <span>${t("col.message")}</span>
        <input class="input" onInput=${(/** @type {any} */ event) => (choice.message = event.target.value)} />
      </label>
      <label class="row">
        <input type="checkbox" onChange=${(/** @type {any} */ event) => (choice.merge = event.target.checked)} /> <span>${t("label.publish.merge", { set })}</span>
      </label>
      <p class="mute small">${t("label.publish.merge.note")}</p>
    `,
    verb: t("label.publish"),
    run: async () => {
      const version = await change("label.publish", { project: queue.name, message: choice.message });
      if (choice.merge) {
        const merged = await change("data.merge", { name: set, annotations: `${version.name}@${version.number}` });
        toast(t("label.merged", { name: version.name, v: version.number, set, number: merged.number }));
      } else toast(t("label.published", { name: version.name, v: version.number, n: version.count }));
    },
  });
}

/** Progress as a bar with its numbers. @param {{counts: any}} props */
export function Progress({ counts }) {
  const all = Math.max(1, totalOf(counts));
  return html`<span class="prog row grow">
    <span class="meter grow" role="img" aria-label=${t("label.done", { n: counts.done, all: totalOf(counts) })}>
      <i style=${`width:${(100 * counts.done) / all}%`}></i>
      <i style=${`width:${(100 * counts.skipped) / all}%;background:var(--seq-3)`}></i>
    </span>
    <span class="small mute tn nowrap">${t("label.done", { n: counts.done, all: totalOf(counts) })}</span>
  </span>`;
}

/** Pictures that wait in some queues. @param {any[]} queues */
const waitingIn = (queues) => queues.reduce((sum, queue) => sum + queue.counts.waiting + queue.counts.leased, 0);

export default function Label() {
  const queues = useCall("label.ls", {}, { on: /label|annotations/ });
  return html`<div class="page">
    <${Head}
      title=${t("nav.label")}
      sub=${queues.value?.length ? t("label.sub", { n: waitingIn(queues.value) }) : null}
    />
    <${Loaded} of=${queues} block>
      ${(/** @type {any[]} */ rows) =>
        rows.length
          ? rows.map((queue, i) => html`<${Queue} key=${queue.name} queue=${queue} first=${i === 0} />`)
          : html`<div class="panel">
        <${Empty}
          title=${t("label.empty")}
          text=${t("label.empty.text")}
          line="cauce label create NAME --dataset DATA --classes A B"
        />
      </div>`}
    <//>
  </div>`;
}

/** @param {{queue: any, first: boolean}} props */
function Queue({ queue, first }) {
  const deployments = useCall("serve.ls", {}, { on: /deployment/ }).value ?? [];
  const waiting = queue.counts.waiting + queue.counts.leased;
  const labels = Object.entries(queue.labels);
  const most = Math.max(1, ...labels.map(([, n]) => Number(n)));
  const fetch = async () => {
    const found = await change("label.sample", { project: queue.name, deployment: deployments[0].name });
    toast(
      found.made
        ? t("label.sampled", { n: found.made, looked: found.looked })
        : t("label.sampled.none", { looked: found.looked }),
    );
  };
  return html`<${Panel}
    title=${html`<a href=${to("label", queue.name)}>${queue.name}</a>`}
    note=${queue.question}
    actions=${html`
      ${
        deployments.length
          ? html`<${Do} class="s" run=${fetch} title=${t("label.sample.title", { name: deployments[0].name })}>
        ${t("label.sample")}
      <//>`
          : null
      }
      <button type="button" class="btn s" disabled=${!queue.counts.done} onClick=${() => publish(queue)}>
        ${t("label.publish")}
      </button>
      <a class=${`btn s ${first && waiting ? "main-act" : ""}`} href=${to("label", queue.name)}>
        ${waiting ? t("label.open") : t("label.look")}
      </a>
    `}
  >
    <div class="in cols side">
      <div class="stack" style="gap:12px">
        <div class="row"><${Progress} counts=${queue.counts} /></div>
        <div class="row wrap small mute" style="gap:4px 18px">
          <span>
            ${waiting ? html`<${Mark} s="warn">${t("label.waiting", { n: waiting })}<//>` : html`<${Mark} s="ok">${t("label.nothing")}<//>`}
          </span>
          ${queue.counts.skipped ? html`<span>${t("label.skipped", { n: queue.counts.skipped })}</span>` : null}
          <span>${t("label.from")} <a href=${to("data", queue.dataset.split("@")[0])}>${queue.dataset}</a></span>
          <span>${queue.published ? t("label.newest", { v: queue.published }) : t("label.unpublished")}</span>
          <span class="faint">${t("col.made")} <${When} at=${queue.created} /></span>
        </div>
      </div>
      <ul aria-label=${t("label.perclass")}>
        ${labels.slice(0, 12).map(
          ([label, n]) => html`<li
          key=${label}
          style="display:grid;grid-template-columns:72px 1fr 40px;gap:10px;align-items:center;height:20px"
          class="small"
        >
          <span class="mute clip">${label}</span>
          <span class="meter"><i style=${`width:${(100 * Number(n)) / most}%`}></i></span>
          <span class="num" title=${pct(Number(n) / Math.max(1, queue.counts.done))}>${count(Number(n))}</span>
        </li>`,
        )}
        ${labels.length > 12 ? html`<li class="small faint">${t("more", { n: labels.length - 12 })}</li>` : null}
      </ul>
    </div>
  <//>`;
}
