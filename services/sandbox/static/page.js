// The shop owner's page: shows what the vendors store, and acts through the control API only, so that neither
// faults nor counts of requests see a click.

const SYSTEMS = JSON.parse(document.getElementById("systems").textContent);
const EVERY = 1000; // milliseconds between two looks
const SHOWN = 100; // rows per table
const tokens = new Map();
const seen = new Map(); // "system/account/resource/id" -> the record as it was last shown
const LONG = new Set(["note", "description", "remarks", "OBSCLI"]); // fields of several lines

async function call(method, path, body) {
  const answer = await fetch(`/control/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(String(content.detail ?? answer.status));
  return content;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = String(text);
  if (className) made.className = className;
  return made;
}

function say(text) {
  document.getElementById("message").textContent = text;
}

function reasonIn(body) {
  const message = body && typeof body === "object" ? body.message ?? body.error ?? body.detail ?? body : body;
  if (message === null || typeof message !== "object") return String(message);
  return Object.entries(message).map(([field, texts]) => `${field} ${[texts].flat().join(", ")}`).join("; ");
}

// What the owner does, in the words of the vendor's own API. Throws with the vendor's reason.
async function act(system, method, path, body = {}) {
  const answer = await call("POST", "owner", { system, account: accountOf(system), method, path, body });
  const refused = answer.status >= 400 || (answer.body && answer.body.code === "error");
  if (refused) throw new Error(reasonIn(answer.body));
  say(`${method} ${path}: ${answer.status}`);
  await refresh();
}

function sectionOf(system) {
  return document.querySelector(`.system[data-system="${system}"]`);
}

function accountOf(system) {
  return sectionOf(system).querySelector(".account").value || null;
}

// Replaces "{id}" by the number wherever it stands in a path or a body.
function filled(template, id) {
  if (template === "{id}") return id;
  if (typeof template === "string") return template.replaceAll("{id}", String(id));
  if (Array.isArray(template)) return template.map((item) => filled(item, id));
  if (template && typeof template === "object") {
    return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, filled(value, id)]));
  }
  return template;
}

// Tables

// Lists of items (phones, tags, custom fields) as one line.
function shortly(value) {
  if (Array.isArray(value)) return value.map(shortly).join(", ");
  if (value === null || typeof value !== "object") return String(value ?? "");
  const { field, email, phone, name, street, city } = value;
  if (field) return `${field}=${value.value}`;
  return email ?? phone ?? name ?? ([street, city].filter(Boolean).join(" ") || JSON.stringify(value));
}

function cell(value) {
  const made = element("td");
  if (typeof value === "string" && /^https?:\/\//.test(value)) {
    const link = element("a", value);
    link.href = value;
    link.rel = "noreferrer noopener";
    link.target = "_blank";
    made.append(link);
  } else {
    made.textContent = value === null || value === undefined ? "" : shortly(value);
  }
  return made;
}

function button(label, onClick) {
  const made = element("button", label);
  made.type = "button";
  made.addEventListener("click", () => onClick().catch((problem) => say(problem.message)));
  return made;
}

function row(system, panel, record) {
  const made = element("tr");
  made.dataset.id = record.id;
  const key = `${system.name}/${accountOf(system.name)}/${panel.resource}/${record.id}`;
  const state = JSON.stringify(record);
  if (seen.get(key) !== state) made.className = "fresh";
  seen.set(key, state);
  made.append(cell(record.id), ...panel.columns.map((column) => cell(record[column])));
  const actions = element("td", null, "actions");
  if (panel.fields.length) actions.append(button("Edit", async () => edit(system, panel, record)), " ");
  for (const action of panel.actions) {
    const path = filled(action.path, record.id);
    actions.append(button(action.label, () => act(system.name, action.method, path, filled(action.body, record.id))), " ");
  }
  made.append(actions);
  return made;
}

async function refreshPanel(system, panel) {
  const query = new URLSearchParams({ system: system.name, resource: panel.resource, limit: SHOWN });
  if (accountOf(system.name)) query.set("account", accountOf(system.name));
  const { records, total } = await call("GET", `records?${query}`);
  const section = sectionOf(system.name).querySelector(`.panel[data-resource="${panel.resource}"]`);
  section.querySelector(".count").textContent = `(${total})`;
  const newest = records.reverse();
  const state = JSON.stringify([accountOf(system.name), newest]);
  if (section.dataset.state === state) return; // nothing changed: leave focus and selection where they are
  section.dataset.state = state;
  section.querySelector("tbody").replaceChildren(...newest.map((record) => row(system, panel, record)));
}

async function refreshHooks() {
  const { hooks, pending } = await call("GET", "hooks?limit=50");
  const section = document.getElementById("hooks");
  section.querySelector(".count").textContent = pending ? `(${pending} under way)` : "";
  section.querySelector("tbody").replaceChildren(...hooks.map((hook) => {
    const made = element("tr");
    made.append(
      cell(hook.raised_at.slice(11, 23)), cell(hook.system), cell(hook.account), cell(hook.kind),
      element("td", hook.url), element("td", hook.state, `state-${hook.state}`),
      cell(hook.status ?? hook.detail),
    );
    return made;
  }));
}

// Faults and switches

function toggle(name, meaning, on, change) {
  const label = element("label");
  const box = element("input");
  box.type = "checkbox";
  box.checked = on;
  box.dataset.name = name;
  box.addEventListener("change", () => change(box.checked).catch((problem) => say(problem.message)));
  label.append(box, element("b", name), element("span", meaning));
  return label;
}

function chooser(entry, change) {
  const label = element("label");
  const input = element(entry.choices.length ? "select" : "input");
  input.dataset.name = entry.switch;
  if (entry.choices.length) input.append(...entry.choices.map((choice) => new Option(choice, choice)));
  else Object.assign(input, { type: "number", min: 0, step: "any", size: 6 });
  input.value = entry.value;
  input.addEventListener("change", () => {
    const value = entry.choices.length ? input.value : Number(input.value);
    change(value).catch((problem) => say(problem.message));
  });
  label.append(input, element("b", entry.switch), element("span", entry.meaning));
  return label;
}

function replaceControls(container, state, controls) {
  const legend = container.querySelector("legend");
  if (container.dataset.state === state || container.contains(document.activeElement)) return;
  container.dataset.state = state;
  container.replaceChildren(legend, ...controls());
}

async function refreshFaults() {
  const { faults, switches } = await call("GET", "faults");
  for (const { name: system } of SYSTEMS) {
    const set = (fault, rest) => call("POST", "faults", { system, fault, ...rest });
    const ours = faults.filter((entry) => entry.system === system);
    replaceControls(
      document.querySelector(`#faults fieldset[data-system="${system}"]`),
      JSON.stringify(ours.map((entry) => [entry.fault, entry.on])),
      () => ours.map((entry) => toggle(entry.fault, entry.meaning, entry.on, (on) => set(entry.fault, { on }))),
    );
    const open = switches.filter((entry) => entry.system === system);
    replaceControls(
      document.querySelector(`#switches fieldset[data-system="${system}"]`),
      JSON.stringify(open.map((entry) => [entry.switch, entry.value])),
      () => open.map((entry) => typeof entry.default === "boolean"
        ? toggle(entry.switch, entry.meaning, entry.value, (value) => set(entry.switch, { value }))
        : chooser(entry, (value) => set(entry.switch, { value }))),
    );
  }
}

// Accounts

async function refreshAccounts() {
  const { accounts } = await call("GET", "accounts");
  for (const { name: system } of SYSTEMS) {
    const section = sectionOf(system);
    const select = section.querySelector(".account");
    const names = accounts.filter((entry) => entry.system === system).map((entry) => entry.account);
    if (names.join("\n") !== select.dataset.names) {
      const chosen = select.value;
      select.replaceChildren(...names.map((name) => new Option(name, name)));
      if (names.includes(chosen)) select.value = chosen;
      select.dataset.names = names.join("\n");
    }
    for (const entry of accounts) tokens.set(`${entry.system}/${entry.account}`, entry.token);
    section.querySelector(".token").textContent = tokens.get(`${system}/${select.value}`) ?? "";
  }
}

// Editor

const editor = document.getElementById("editor");
let save = async () => {};

function edit(system, panel, record) {
  editor.querySelector("h3").textContent = record
    ? `${system.title}: edit ${record[panel.columns[0]] ?? record.id}` : `${system.title}: new record in ${panel.title}`;
  editor.querySelector(".problem").textContent = "";
  const inputs = panel.fields.map((field) => {
    const input = element(LONG.has(field) ? "textarea" : "input");
    input.name = field;
    input.id = `field-${field}`;
    input.value = record?.[field] ?? "";
    return input;
  });
  editor.querySelector(".fields").replaceChildren(...inputs.flatMap((input) => {
    const label = element("label", input.name);
    label.htmlFor = input.id;
    return [label, input];
  }));
  save = async () => {
    // Only what the person touched is sent, as the vendor's own form would be understood.
    const touched = inputs.filter((input) => input.value !== String(record?.[input.name] ?? ""));
    const given = Object.fromEntries(touched.map((input) => [input.name, input.value]));
    if (record && !touched.length) return;
    const inside = (fields) => (panel.wrapper ? { [panel.wrapper]: fields } : fields);
    const { path, suffix } = panel;
    if (record) await act(system.name, "PUT", `${path}/${record.id}${suffix}`, inside(given));
    else await act(system.name, "POST", `${path}${suffix}`, inside(panel.wrapper ? { name: "", ...given } : given));
  };
  editor.showModal();
}

editor.querySelector(".cancel").addEventListener("click", () => editor.close());
editor.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  save().then(
    () => editor.close(),
    (problem) => { editor.querySelector(".problem").textContent = problem.message; },
  );
});

for (const system of SYSTEMS) {
  for (const panel of system.panels.filter((candidate) => candidate.fields.length)) {
    sectionOf(system.name).querySelector(`.panel[data-resource="${panel.resource}"] .new`)
      .addEventListener("click", () => edit(system, panel, null));
  }
  sectionOf(system.name).querySelector(".account").addEventListener("change", () => refresh());
}

// Looking again and again

async function refresh() {
  await refreshAccounts();
  const panels = SYSTEMS.flatMap((system) => system.panels.map((panel) => refreshPanel(system, panel)));
  await Promise.all([...panels, refreshHooks(), refreshFaults()]);
}

async function watch() {
  try {
    await refresh();
    document.body.dataset.ready = "yes";
  } catch (problem) {
    say(`The sandbox does not answer: ${problem.message}`);
  }
  setTimeout(watch, EVERY);
}

watch();
