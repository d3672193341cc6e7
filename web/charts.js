// Two charts of the last hour. What they show is said in words too, for who cannot see them.

import { element } from "./dom.js";

const MINUTE = 60 * 1000;
const SPANS = [2, 10, 30, 60]; // minutes that can be shown
let backlog, tries, points = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Minutes before the last point, as x has them.
function ago(minutes) {
  return minutes === 0 ? "now" : `${Math.round(-minutes)} min ago`;
}

function line(label, name, dashed) {
  return { label, borderColor: colour(name), backgroundColor: colour(name), borderWidth: 2, pointRadius: 0,
    pointHitRadius: 8, tension: 0.2, borderDash: dashed ? [6, 4] : [], data: [] };
}

function axes() {
  const grid = { color: colour("--edge"), drawBorder: false, tickLength: 0 };
  const ticks = { color: colour("--muted"), maxRotation: 0, padding: 6 };
  return {
    x: { type: "linear", grid: { display: false }, ticks: { ...ticks, callback: ago } },
    y: { beginAtZero: true, suggestedMax: 1, grid, ticks: { ...ticks, maxTicksLimit: 5, precision: 0 } },
  };
}

function chart(id, lines) {
  return new Chart(element(id), {
    type: "line",
    data: { datasets: lines },
    options: {
      animation: false,
      maintainAspectRatio: false,
      parsing: false,
      interaction: { mode: "index", intersect: false },
      scales: axes(),
      plugins: {
        legend: { position: "bottom", labels: { color: colour("--ink"), boxWidth: 24, boxHeight: 0 } },
        tooltip: { callbacks: { title: (items) => ago(Math.round(items[0].parsed.x)) } },
      },
    },
  });
}

function minutes(point) {
  return (point.at - points.at(-1).at) / MINUTE;
}

function perSecond(column) {
  return points.slice(1).map((point, i) => ({
    x: minutes(point),
    y: Math.max(0, (point[column] - points[i][column]) / ((point.at - points[i].at) / 1000)),
  }));
}

function put(which, series) {
  const span = SPANS.find((most) => most >= -minutes(points[0])) || SPANS.at(-1);
  series.forEach((data, i) => { which.data.datasets[i].data = data; });
  Object.assign(which.options.scales.x, { min: -span, max: 0 });
  which.options.scales.x.ticks.stepSize = span / 2;
  which.update("none");
}

function tell() {
  const last = points.at(-1);
  const most = Math.max(...points.map((point) => point.pending + point.blocked));
  const span = Math.round(-minutes(points[0]));
  element("chart-backlog").setAttribute("aria-label",
    `Line chart of ${span} minutes: ${last.pending} pending and ${last.blocked} blocked now, ${most} together at most.`);
  element("chart-tries").setAttribute("aria-label",
    `Line chart of ${span} minutes: ${last.done - points[0].done} tries done, ${last.failed - points[0].failed} failed.`);
}

function draw() {
  if (!points.length) return;
  put(backlog, ["pending", "blocked"].map((name) => points.map((point) => ({ x: minutes(point), y: point[name] }))));
  put(tries, [perSecond("done"), perSecond("failed")]);
  tell();
}

function build() {
  backlog?.destroy();
  tries?.destroy();
  backlog = chart("chart-backlog", [line("pending", "--accent"), line("blocked", "--bad", true)]);
  tries = chart("chart-tries", [line("done", "--good"), line("failed", "--bad", true)]);
  draw();
}

export function startCharts() {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  build();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
}

// As the service keeps them: a point every ten seconds, and the present.
export function showHistory(history) {
  points = history.points.map((row) => Object.fromEntries(history.columns.map((name, i) => [name, row[i]])));
  draw();
}
