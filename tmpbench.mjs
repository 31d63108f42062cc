import torch from "typetorch";
const a = torch.rand(10),
  b = torch.rand(10);
function time(name, f) {
  for (let i = 0; i < 30000; i++) f();
  const ts = [];
  for (let r = 0; r < 400; r++) {
    const t = process.hrtime.bigint();
    for (let i = 0; i < 1000; i++) f();
    ts.push(Number(process.hrtime.bigint() - t) / 1000);
  }
  ts.sort((x, y) => x - y);
  console.log(name.padEnd(28), ts[20].toFixed(0), ts[200].toFixed(0), "ns");
}
const only = process.argv[2];
const T = (n, f) => {
  if (!only || n.includes(only)) time(n, f);
};
T("add", () => torch.add(a, b));
T("a.add(b)", () => a.add(b));
T("a.mul(b)", () => a.mul(b));
T("a.exp()", () => a.exp());
T("a.add(1)", () => a.add(1));
T("a.relu", () => a.relu());
T("a.add_(b)", () => a.add_(b));
T("empty", () => torch.empty(10));
const m = torch.rand(4, 5),
  v = torch.rand(5);
T("m+v bcast", () => m.add(v));
T("m.t()+m.t()", () => m.t().add(m.t()));
T("m.t()", () => m.t());
T("sum", () => a.sum());
const x = torch.rand(10).requiresGrad_();
T("x.mul(b) recorded", () => x.mul(b));
T("chain backward", () => {
  x.mul(b).add(b).exp().sum().backward();
});
