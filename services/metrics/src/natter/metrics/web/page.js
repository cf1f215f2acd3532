"use strict";
// Draws /api/activity every few seconds. Everything that comes from the server is set as text, never as HTML.

const SECONDS = 10;
const DAY = 86400000;
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const COLOURS = ["#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);
let minutes = Number(new URLSearchParams(location.search).get("minutes")) || 60;
let shown = null;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function layout(extra) {
  const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
  return Object.assign({
    margin: { t: 8, r: 8, b: 32, l: 44 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    font: { color: css("--soft"), family: "system-ui, sans-serif", size: 12 }, colorway: COLOURS, hovermode: "x unified",
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--text") } },
    legend: { orientation: "h", y: -0.15 }, xaxis: { ...axis }, yaxis: { ...axis, rangemode: "tozero" },
  }, extra);
}

function draw(id, traces, extra) {
  const place = byId(id);
  const empty = traces.every((t) => !(t.x || t.z || []).length);
  if (empty) {
    Plotly.purge(place);
    const note = document.createElement("div");
    note.className = "none";
    note.textContent = "Nothing yet";
    place.replaceChildren(note);
    return;
  }
  place.querySelector(".none")?.remove();
  Plotly.react(place, traces, layout(extra), { displayModeBar: false, responsive: true });
}

const line = (name, rows, x, y) => ({ name, type: "scatter", mode: rows.length > 1 ? "lines" : "markers", x: rows.map((r) => r[x]), y: rows.map((r) => r[y]) });
// ClickHouse has no row where nothing happened: there it is 0, from the first minute of the span to the last whole one.
function filled(name, rows, data) {
  const step = data.step_minutes * 60000;
  const known = new Map(rows.map((r) => [Date.parse(r.at), r.per_second]));
  const since = Date.parse(data.since), until = Date.parse(data.complete);
  const x = [], y = [];
  for (let at = Math.ceil((since - until) / step) * step + until; at <= until; at += step) {
    x.push(new Date(at).toISOString());
    y.push(known.get(at) ?? 0);
  }
  return { name, type: "scatter", mode: "lines", x, y };
}

const iso = (ms) => new Date(ms).toISOString();
// What is beside each other is of the same time, also where a chart has something for a part of it only.
const span = (data) => ({ xaxis: { ...layout({}).xaxis, type: "date", range: [iso(Date.parse(data.since)), iso(Date.parse(data.complete))] } });
// A week at least: a single day is a bar, not a wall.
function week(days) {
  const last = Date.parse(days.at(-1)?.day ?? iso(Date.now())), first = Date.parse(days[0]?.day ?? iso(last));
  return { range: [iso(Math.min(first, last - 6 * DAY) - DAY / 2), iso(last + DAY / 2)], dtick: days.length < 8 ? DAY : undefined };
}

const number = (n) => n >= 10000 ? `${(n / 1000).toFixed(n >= 100000 ? 0 : 1)}k` : n >= 100 ? n.toFixed(0) : String(Math.round(n * 100) / 100);
const people = (n, few) => n === null ? `< ${few}` : n.toLocaleString("en");

function numbers(data) {
  const last = data.rates.filter((r) => r.at === data.complete);
  const sum = (way) => last.filter((r) => r.direction === way).reduce((a, r) => a + r.per_second, 0);
  byId("in").textContent = number(sum("in"));
  byId("out").textContent = number(sum("out"));
  const now = data.sessions.at(-1);
  byId("sessions").textContent = now ? now.sessions.toLocaleString("en") : "–";
  byId("gateways").textContent = now ? `sessions at ${now.gateways} gateway${now.gateways === 1 ? "" : "s"}` : "sessions";
  byId("p99").textContent = data.latencies.length ? `${number(data.latencies.at(-1).p99_ms)} ms` : "–";
  byId("users").textContent = data.days.length ? people(data.days.at(-1).users, data.users_min) : "–";
  byId("domain").textContent = data.domain;
  byId("few").textContent = data.users_min;
  document.title = `natter · ${data.domain}`;
}

function charts(data) {
  draw("chart-sessions", [line("sessions", data.sessions, "at", "sessions")], { showlegend: false, ...span(data) });
  const names = [...new Set(data.rates.map((r) => `${r.kind} ${r.direction}`))].sort();
  draw("chart-rates", names.map((n) => filled(n, data.rates.filter((r) => `${r.kind} ${r.direction}` === n), data)), span(data));
  draw("chart-latencies", ["p50", "p95", "p99"].map((q) => line(q, data.latencies, "at", `${q}_ms`)), { ...span(data), yaxis: { ...layout({}).yaxis, ticksuffix: " ms" } });
  draw("chart-days", [{ type: "bar", x: data.days.map((d) => d.day), y: data.days.map((d) => d.users ?? 0), text: data.days.map((d) => people(d.users, data.users_min)), hoverinfo: "x+text", textposition: "outside", cliponaxis: false, width: 0.6 * DAY }],
    { xaxis: { ...layout({}).xaxis, type: "date", tickformat: "%b %d", ...week(data.days) } });
  const outcomes = data.outcomes.toReversed();
  draw("chart-outcomes", [{ type: "bar", orientation: "h", x: outcomes.map((o) => o.stanzas), y: outcomes.map((o) => o.outcome), text: outcomes.map((o) => number(o.stanzas)), hoverinfo: "y+text" }], { hovermode: "closest" });
  const z = WEEKDAYS.map(() => Array(24).fill(null));
  for (const hour of data.hours) z[hour.weekday - 1][hour.hour] = hour.stanzas;
  const scale = [[0, dark.matches ? "#1e293b" : "#eff6ff"], [1, dark.matches ? "#60a5fa" : "#1d4ed8"]];
  draw("chart-hours", data.hours.length ? [{ type: "heatmap", z, x: [...Array(24).keys()], y: WEEKDAYS, colorscale: scale, showscale: false, xgap: 2, ygap: 2, hovertemplate: "%{y} %{x}:00 – %{z}<extra></extra>" }] : [{}], { hovermode: "closest", yaxis: { ...layout({}).yaxis, autorange: "reversed" } });
}

function rooms(data) {
  const rows = data.rooms.map((room) => {
    const row = document.createElement("tr");
    for (const [text, style] of [[room.room, ""], [room.messages.toLocaleString("en"), "n"], [room.users.toLocaleString("en"), "n"]]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      cell.className = style;
      row.append(cell);
    }
    return row;
  });
  byId("rooms").replaceChildren(...rows);
  byId("no-rooms").hidden = rows.length > 0;
}

function warn(text) {
  byId("warning").textContent = text;
  byId("warning").hidden = !text;
}

function show(data) {
  shown = data;
  warn(data.failing ? "Rows are not being written now: what you see is old." : "");
  numbers(data);
  charts(data);
  rooms(data);
  document.body.dataset.drawn = "yes";
}

async function load() {
  try {
    const answer = await fetch(`/api/activity?minutes=${minutes}`);
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
  } catch {
    warn("ClickHouse does not answer. Chat is not affected; rows wait on the bus.");
  }
}

function choose(wanted) {
  minutes = wanted;
  for (const button of byId("spans").children) button.setAttribute("aria-pressed", Number(button.dataset.minutes) === minutes);
  load();
}

for (const button of byId("spans").children) button.addEventListener("click", () => choose(Number(button.dataset.minutes)));
dark.addEventListener("change", () => shown && show(shown));
choose(minutes);
setInterval(load, SECONDS * 1000);
