// This browser's own choices, and the project's settings to read.

import { useCall } from "./api.js";
import { remember, setTheme } from "./shell.js";
import { Head, Loaded, Panel, Seg, html, project, t, useState } from "./ui.js";
import { lang } from "./words.js";

export default function Settings() {
  const root = document.documentElement;
  const [, again] = useState(0);
  const settings = useCall("admin.settings", {}, { on: null });
  const density = (/** @type {string} */ value) => {
    if (value) root.dataset.density = value;
    else delete root.dataset.density;
    remember("density", value);
    again((n) => n + 1);
  };
  const speak = (/** @type {string} */ value) => {
    remember("lang", value);
    location.reload();
  };
  const chosen = document.cookie.match(/cauce-lang=(\w+)/)?.[1] ?? "";
  return html`<div class="page narrow">
    <${Head} title=${t("nav.settings")} sub=${t("settings.sub")} />
    <${Panel} title=${t("settings.look")}>
      <ul class="list">
        <li>
          <span class="grow">${t("settings.theme")}</span>
          <${Seg}
            name=${t("settings.theme")}
            options=${[
              ["", t("theme.system")],
              ["light", t("theme.light")],
              ["dark", t("theme.dark")],
            ]}
            value=${root.dataset.theme ?? ""}
            pick=${(/** @type {any} */ value) => (setTheme(value), again((n) => n + 1))}
          />
        </li>
        <li>
          <span class="grow">${t("settings.density")}</span>
          <${Seg}
            name=${t("settings.density")}
            options=${[
              ["compact", t("density.compact")],
              ["", t("density.normal")],
              ["roomy", t("density.roomy")],
            ]}
            value=${root.dataset.density ?? ""}
            pick=${density}
          />
        </li>
        <li>
          <span class="grow">
            ${t("settings.language")}
            <br />
            <span class="faint small">${t("settings.language.note")}</span>
          </span>
          <${Seg}
            name=${t("settings.language")}
            options=${[
              ["", t("language.browser")],
              ["en", "English"],
              ["es", "Español"],
            ]}
            value=${chosen}
            pick=${speak}
          />
        </li>
      </ul>
    <//>
    <${Panel} title=${t("settings.project", { project })} note=${t("settings.project.note")}>
      <${Loaded} of=${settings}>
        ${(/** @type {any[]} */ rows) => html`<div class="scroll">
          <table aria-label=${t("settings.project", { project })} lang=${lang === "en" ? null : "en"}>
            <thead>
              <tr>
                <th>${t("col.name")}</th>
                <th>${t("col.value")}</th>
                <th>${t("settings.source")}</th>
                <th>${t("settings.help")}</th>
              </tr>
            </thead>
            <tbody>
              ${rows.map(
                (row) => html`<tr key=${row.key}>
                <td class="mono">${row.key}</td>
                <td class="mono">${String(row.value) || html`<span class="faint">–</span>`}</td>
                <td class=${row.source === "default" ? "faint" : ""}>${row.source}</td>
                <td class="wide mute small">${row.help}</td>
              </tr>`,
              )}
            </tbody>
          </table>
        </div>`}
      <//>
    <//>
  </div>`;
}
