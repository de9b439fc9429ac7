// Runs a task, given as JSON, with V8's Promise, and prints the result. See task.go.

const task = JSON.parse(process.argv[2]);
const atOnce = 1000;

class Meter {
  count = 0;
  over = false;

  begin() {
    globalThis.gc?.();
    this.began = { count: this.count, at: process.hrtime.bigint(), cpu: process.cpuUsage() };
  }

  // done counts a thousand, and reports whether to make more.
  done() {
    this.count++;
    if (this.count <= task.Warm) {
      if (this.count === task.Warm) this.begin();
      return true;
    }
    const wall = Number(process.hrtime.bigint() - this.began.at);
    if (wall < task.Duration) return true;
    const used = process.cpuUsage(this.began.cpu);
    this.result = { Requests: this.count - this.began.count, CPU: (used.user + used.system) * 1000, Wall: wall };
    return false;
  }
}

const plusOne = (n) => n + 1;

// chain makes promises, adds three handlers to each and resolves it. V8 runs the handlers when the program waits, so it
// waits once for all, when the last of them has run.
async function chain(meter) {
  do {
    let last;
    for (let i = 0; i < atOnce; i++) {
      let resolve;
      const p = new Promise((r) => {
        resolve = r;
      });
      last = p.then(plusOne).then(plusOne).then(plusOne);
      resolve(0);
    }
    if ((await last) !== 3) throw new Error("a wrong result");
  } while (meter.done());
}

// wait resolves the promises that async functions wait for. As for the chain, it waits once for all of them.
async function wait(meter) {
  let over = false;
  let woken = 0;
  const resolvers = new Array(atOnce);
  const line = async (i) => {
    while (!over) {
      const one = await new Promise((r) => {
        resolvers[i] = r;
      });
      woken += one;
    }
  };
  for (let i = 0; i < atOnce; i++) line(i);
  do {
    const before = woken;
    for (let i = 0; i < atOnce; i++) resolvers[i](1);
    await null;
    if (woken !== before + atOnce) throw new Error(`${woken - before} were woken`);
  } while (meter.done());
  over = true;
}

const meter = new Meter();
await { chain, wait }[task.Kind](meter);
console.log(JSON.stringify(meter.result));
