// What comes over the page when it is asked for: jump to anything (Ctrl K), and the list of keys (?).

import { call } from "./api.js";
import { COURSE, setTheme } from "./shell.js";
import { Ico, Modal, copy, go, html, keys, t, to, useEffect, useRef, useState, withQuery } from "./ui.js";

/** @typedef {{kind: string, icon: import("./ui.js").IconName, name: string, note?: string, run: () => void}} Item */

const RECENT = "cauce-recent";

/** @returns {string[]} */
const recent = () => JSON.parse(localStorage.getItem(RECENT) ?? "[]");

/** @param {string} kind @param {import("./ui.js").IconName} icon @param {string} name @param {string} address @param {string} [note] @returns {Item} */
const place = (kind, icon, name, address, note) => ({ kind, icon, name, note, run: () => go(address) });

/** Pages and actions, known without asking. @returns {Item[]} */
function fixed() {
  const page = t("palette.page");
  const action = t("palette.action");
  return [
    place(page, "home", t("nav.overview"), to()),
    ...COURSE.map(([name, icon]) => place(page, icon, t(/** @type {any} */ (`nav.${name}`)), to(name))),
    place(page, "lineage", t("nav.lineage"), to("lineage")),
    place(page, "settings", t("nav.settings"), "/settings"),
    { kind: action, icon: "moon", name: t("theme.dark"), run: () => setTheme("dark") },
    { kind: action, icon: "moon", name: t("theme.light"), run: () => setTheme("light") },
    { kind: action, icon: "moon", name: t("theme.system"), run: () => setTheme("") },
    { kind: action, icon: "link", name: t("keys.link"), run: () => void copy(location.href) },
  ];
}

/** Everything with a name in this project. @returns {Promise<Item[]>} */
async function named() {
  const [sets, queues, runs, models, deployments, flows] = await Promise.all(
    /** @type {[string, object][]} */ ([
      ["data.ls", {}],
      ["label.ls", {}],
      ["track.ls", { limit: 200 }],
      ["models.ls", {}],
      ["serve.ls", {}],
      ["flow.ls", {}],
    ]).map(([name, args]) => call(name, args).catch(() => [])),
  );
  return [
    ...sets.map((/** @type {any} */ it) => place(t("kind.dataset"), "data", it.name, to("data", it.name), it.number)),
    ...queues.map((/** @type {any} */ it) => place(t("palette.queue"), "label", it.name, to("label", it.name))),
    ...models.map((/** @type {any} */ it) =>
      place(t("kind.model"), "models", it.name, to("models", it.name), t("v", { v: it.latest.number })),
    ),
    ...deployments.map((/** @type {any} */ it) =>
      place(t("kind.deployment"), "serving", it.name, to("serving", it.name)),
    ),
    ...deployments.map((/** @type {any} */ it) =>
      place(t("nav.monitor"), "monitor", it.name, to("monitor", it.name)),
    ),
    ...flows.map((/** @type {any} */ it) =>
      place(t("palette.flow"), "flows", it.flow.name, to("flows", it.flow.name)),
    ),
    ...(runs.runs ?? []).map((/** @type {any} */ it) =>
      place(t("kind.run"), "runs", it.name || it.id, to("runs", it.id), it.group),
    ),
  ];
}

/** How well a name answers what was typed: 0 not at all. @param {string} name @param {string} typed */
export function match(name, typed) {
  if (!typed) return 1;
  const [text, word] = [name.toLowerCase(), typed.toLowerCase()];
  const at = text.indexOf(word);
  if (at === 0) return 4;
  if (at > 0) return /[\s._/-]/.test(text[at - 1]) ? 3 : 2;
  let from = 0;
  for (const letter of word) {
    from = text.indexOf(letter, from) + 1;
    if (!from) return 0;
  }
  return 1;
}

/** @param {{close: () => void}} props */
export function Palette({ close }) {
  const [typed, type] = useState("");
  const [items, fill] = useState(fixed);
  const [at, move] = useState(0);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const input = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    input.current?.focus();
    named().then((found) => fill([...fixed(), ...found]));
  }, []);
  const last = recent();
  const key = (/** @type {Item} */ item) => `${item.kind} ${item.name}`;
  const rank = (/** @type {Item} */ item) => (last.includes(key(item)) ? 0.5 - last.indexOf(key(item)) / 100 : 0);
  const found = items
    .map((item, order) => ({ item, order, score: match(item.name, typed) || match(key(item), typed) * 0.9 }))
    .filter(({ score }) => score)
    .sort((a, b) => b.score + rank(b.item) - a.score - rank(a.item) || a.order - b.order)
    .slice(0, 40)
    .map(({ item }) => item);
  const chosen = Math.min(at, found.length - 1);
  useEffect(
    () => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }),
    [chosen, typed],
  );
  const run = (/** @type {Item | undefined} */ item) => {
    if (!item) return;
    localStorage.setItem(
      RECENT,
      JSON.stringify([key(item), ...last.filter((other) => other !== key(item))].slice(0, 12)),
    );
    close();
    item.run();
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) move((found.length + chosen + step) % Math.max(1, found.length));
    else if (event.key === "Enter") run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return html`<${Modal} title=${t("find")} close=${close} class="palette" plain>
    <input
      ref=${input}
      role="combobox"
      aria-expanded="true"
      aria-controls="palette-list"
      aria-activedescendant=${found.length ? `palette-${chosen}` : null}
      aria-label=${t("find")}
      placeholder=${t("find")}
      autocomplete="off"
      spellcheck=${false}
      value=${typed}
      onInput=${(/** @type {any} */ event) => (type(event.target.value), move(0))}
      onKeyDown=${press}
    />
    <ul id="palette-list" role="listbox" aria-label=${t("find")} ref=${list}>
      ${found.map(
        (item, i) => html`<li
        key=${key(item)}
        id=${`palette-${i}`}
        role="option"
        aria-selected=${String(i === chosen)}
        onClick=${() => run(item)}
        onMouseMove=${() => i !== chosen && move(i)}
      >
        <${Ico} n=${item.icon} />
        <span>${item.name}</span>
        ${item.note ? html`<span class="faint small">${item.note}</span>` : null}
        <span class="faint small right">${item.kind}</span>
      </li>`,
      )}
    </ul>
    ${
      found.length
        ? null
        : html`<p class="none">
      ${t("palette.none", { typed })} <a href=${withQuery(to("runs"), { q: typed })} onClick=${close}>${t("palette.runs")}</a>
    </p>`
    }
  <//>`;
}

/** The keys that work on this page. @param {{close: () => void}} props */
export function Keys({ close }) {
  return html`<${Modal} title=${t("keys.title")} close=${close}>
    <div class="in keys">
      ${keys.value.map(
        (group) => html`<section key=${group.title}>
        <h3>${group.title}</h3>
        <ul>
          ${group.latest.current.map(
            (item) => html`<li key=${item.key}>
            <span class="mute">${item.label}</span>
            <span class="nowrap">
              ${(item.shown ?? item.key).split(/(?<=.)[ +](?=.)/).map(
                (part, i) => html`
                ${i ? " " : ""}
                <kbd>${part === " " ? "Space" : part}</kbd>
              `,
              )}
            </span>
          </li>`,
          )}
        </ul>
      </section>`,
      )}
      <section>
        <h3>${t("keys.always")}</h3>
        <ul>
          <li><span class="mute">${t("find")}</span><span class="nowrap"><kbd>Ctrl</kbd> <kbd>K</kbd></span></li>
        </ul>
      </section>
    </div>
  <//>`;
}
