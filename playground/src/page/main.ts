/**
 * The page: shows what the worker reports and tells it what to do. Nothing here computes.
 */
import type { Report, Sample, Settings } from "../protocol.ts";
import { Charts } from "./charts.ts";
import { Drawing, greyCanvas, paintGrey } from "./drawing.ts";
import { FilterView } from "./filters.ts";
import { type Runtime, runtimes, TrainerWorker } from "./trainerWorker.ts";

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const buttons = {
  run: element<HTMLButtonElement>("run"),
  reset: element<HTMLButtonElement>("reset"),
  save: element<HTMLButtonElement>("save"),
  load: element<HTMLButtonElement>("load"),
};
const rate = element<HTMLInputElement>("rate");
const batch = element<HTMLSelectElement>("batch");
const file = element<HTMLInputElement>("file");
const notice = element("notice");

// Light and dark

const SUN =
  '<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"><circle cx="12" cy="12" r="4.2"/><path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"/></svg>';
const MOON =
  '<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"><path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"/></svg>';
const systemDark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme: "light" | "dark" | null = null;

function dark(): boolean {
  return (chosenTheme ?? (systemDark.matches ? "dark" : "light")) === "dark";
}

function applyTheme(): void {
  document.documentElement.dataset.theme = dark() ? "dark" : "light";
  element("theme").innerHTML = dark() ? SUN : MOON;
  charts?.restyle();
  if (weights !== null) showFilters(weights);
}

let charts: Charts | null = null;
let weights: Float32Array | null = null;
applyTheme();
charts = new Charts(element("lossChart"), element("accuracyChart"));
element("theme").addEventListener("click", () => {
  chosenTheme = dark() ? "light" : "dark";
  applyTheme();
});
systemDark.addEventListener("change", applyTheme);

// The drawing and what the network makes of it

const filters = new FilterView(element("filters"));

function showFilters(values: Float32Array): void {
  weights = values;
  filters.showFilters(values, dark() ? [26, 28, 32] : [250, 249, 247]);
}

const bars = Array.from({ length: 10 }, (_, digit) => {
  const item = document.createElement("li");
  item.innerHTML = `<span>${digit}</span><span class="track"><i></i></span><span class="share">–</span>`;
  element("bars").append(item);
  return { item, fill: item.querySelector<HTMLElement>("i")!, share: item.querySelector<HTMLElement>(".share")! };
});

let asked = false;

const drawing = new Drawing(element<HTMLCanvasElement>("canvas"), () => {
  element("hint").classList.toggle("gone", !drawing.empty);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    look();
  });
});

/** Asks the worker about the drawing. */
function look(): void {
  const picture = drawing.picture();
  paintGrey(element<HTMLCanvasElement>("seen"), picture);
  if (drawing.empty) showNothing();
  else worker.send({ type: "predict", pixels: picture });
}

function showNothing(): void {
  element("verdict").textContent = "–";
  element("confidence").innerHTML = "&nbsp;";
  filters.clearMaps();
  for (const { item, fill, share } of bars) {
    item.className = "";
    fill.style.transform = "";
    share.textContent = "–";
  }
}

function showPrediction(probabilities: Float32Array, maps: Float32Array): void {
  if (drawing.empty) return;
  const best = probabilities.indexOf(Math.max(...probabilities));
  element("verdict").textContent = String(best);
  element("confidence").textContent = `${(probabilities[best]! * 100).toFixed(1)} % sure`;
  bars.forEach(({ item, fill, share }, digit) => {
    item.className = digit === best ? "best" : "";
    fill.style.transform = `scaleX(${probabilities[digit]})`;
    share.textContent = `${Math.round(probabilities[digit]! * 100)} %`;
  });
  filters.showMaps(maps);
}

function digitButton(sample: Sample, label: string, caption?: string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.append(greyCanvas(sample.pixels));
  if (caption !== undefined) button.insertAdjacentHTML("beforeend", `<small>${caption}</small>`);
  button.addEventListener("click", () => drawing.show(sample.pixels));
  return button;
}

element("clear").addEventListener("click", () => drawing.clear());

// The worker

let running = false;
let loading: Uint8Array | null = null;
/** What happens with a model that was asked for: it is downloaded, or it moves to the worker of another runtime. */
let whenSaved: (bytes: Uint8Array<ArrayBuffer>) => void = download;
let runtime: Runtime = runtimes[0]!;
let worker = startWorker();
let resume = false;

function startWorker(): TrainerWorker {
  setReady(false);
  const own: TrainerWorker = new TrainerWorker(runtime, (report) => {
    if (own === worker) show(report);
  });
  return own;
}

function setReady(ready: boolean): void {
  for (const button of Object.values(buttons)) button.disabled = !ready;
}

function settings(): Settings {
  return { lr: 10 ** Number(rate.value), batchSize: Number(batch.value) };
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function setRunning(value: boolean): void {
  running = value;
  buttons.run.textContent = running ? "Pause" : element("seenImages").textContent === "0" ? "Start training" : "Go on";
}

function clearFigures(): void {
  charts!.clear();
  for (const id of ["accuracy", "loss", "speed", "time"]) element(id).textContent = "–";
  element("seenImages").textContent = "0";
  element("mistakes").replaceChildren();
  element("mistakesNote").textContent = "Shown after the first test.";
}

function say(message: string): void {
  notice.textContent = message;
  notice.hidden = message === "";
}

function show(report: Report): void {
  switch (report.type) {
    case "ready": {
      element("about").textContent =
        `${report.parameters.toLocaleString("en")} parameters, ${report.trainingDigits.toLocaleString("en")} handwritten digits to learn from, ${report.testDigits.toLocaleString("en")} others to test with. Everything happens on your machine: tensors, gradients and kernels are TypeScript.`;
      const threads = report.threads === 1 ? "one thread" : `${report.threads} threads`;
      element("where").textContent =
        report.device === "cpu"
          ? `Kernels: ${report.target}, ${threads}${crossOriginIsolated ? "" : " (the page is not cross-origin isolated)"}.`
          : `Device: ${report.device}.`;
      element("samples").replaceChildren(
        ...report.samples.map((sample) => digitButton(sample, `Try a handwritten ${sample.label}`)),
      );
      worker.send({ type: "configure", settings: settings() });
      if (loading !== null) worker.send({ type: "load", bytes: loading });
      loading = null;
      if (resume) worker.send({ type: "start" });
      resume = false;
      setReady(true);
      if (!drawing.empty) look();
      break;
    }
    case "running":
      setRunning(report.running);
      break;
    case "step":
      charts!.addLoss(report.step, report.loss);
      element("loss").textContent = report.loss.toFixed(3);
      element("speed").textContent = number(report.imagesPerSecond);
      element("time").innerHTML = `${number(report.milliseconds)}<small>ms</small>`;
      element("seenImages").textContent = report.seen.toLocaleString("en");
      break;
    case "tested": {
      charts!.addAccuracy(report.step, report.accuracy);
      element("accuracy").innerHTML = `${(report.accuracy * 100).toFixed(1)}<small>%</small>`;
      element("mistakes").replaceChildren(
        ...report.mistakes.map((mistake) =>
          digitButton(
            mistake,
            `A ${mistake.label} that was read as ${mistake.prediction}: try it`,
            `<b class="read">${mistake.prediction}</b>, not ${mistake.label}`,
          ),
        ),
      );
      element("mistakesNote").textContent =
        report.mistakes.length === 0 ? "Nothing: every test digit was right." : "Test digits: what it read, and what it was.";
      break;
    }
    case "filters":
      showFilters(report.weights);
      if (running && !drawing.empty) look(); // the network has changed
      break;
    case "predicted":
      showPrediction(report.probabilities, report.maps);
      break;
    case "saved":
      whenSaved(report.bytes);
      whenSaved = download;
      break;
    case "loaded":
      clearFigures();
      setRunning(running);
      say("");
      if (!drawing.empty) look();
      break;
    case "cleared":
      clearFigures();
      setRunning(false);
      if (!drawing.empty) look();
      break;
    case "failed":
      say(report.message);
      break;
  }
}

function download(bytes: Uint8Array<ArrayBuffer>): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = "digits.safetensors";
  link.click();
  URL.revokeObjectURL(link.href);
}

buttons.run.addEventListener("click", () => {
  say("");
  worker.send({ type: running ? "pause" : "start" });
});
buttons.reset.addEventListener("click", () => worker.send({ type: "reset" }));
buttons.save.addEventListener("click", () => worker.send({ type: "save" }));
buttons.load.addEventListener("click", () => file.click());
file.addEventListener("change", async () => {
  const chosen = file.files?.[0];
  if (chosen !== undefined) worker.send({ type: "load", bytes: new Uint8Array(await chosen.arrayBuffer()) });
  file.value = "";
});

function showRate(): void {
  element("rateShown").textContent = (10 ** Number(rate.value)).toPrecision(2);
}
showRate();
rate.addEventListener("input", showRate);
for (const input of [rate, batch])
  input.addEventListener("change", () => worker.send({ type: "configure", settings: settings() }));

// Where the kernels run: the model moves along

function switchTo(next: Runtime): void {
  if (next === runtime) return;
  const wasRunning = running;
  const move = (bytes: Uint8Array | null): void => {
    worker.end();
    loading = bytes;
    resume = wasRunning;
    runtime = next;
    setRunning(false);
    worker = startWorker();
  };
  say("");
  if (buttons.save.disabled) move(null);
  else {
    whenSaved = move;
    worker.send({ type: "save" });
  }
}

for (const each of runtimes) {
  const label = document.createElement("label");
  label.innerHTML = `<input type="radio" name="runtime" value="${each.id}"><span class="name">${each.label}</span>`;
  const input = label.querySelector("input")!;
  input.checked = each === runtime;
  input.addEventListener("change", () => switchTo(each));
  element("runtimes").append(label);
}
