// Creates a task, follows it to its end, and lists the tasks of its tag: a client whose types are
// made from what the server says of itself.
//
//   npm install
//   npx openapi-typescript http://127.0.0.1:8080/api-docs/openapi.json --default-non-nullable false -o tasker.d.ts
//   npx tsc --strict --target es2022 --module nodenext orders.ts
//   node orders.js http://127.0.0.1:8080 [TOKEN]

import createClient from "openapi-fetch";
import type { components, paths } from "./tasker.d.ts";

declare const process: { argv: string[] };

const [baseUrl, token] = process.argv.slice(2);
const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
const tasker = createClient<paths>({ baseUrl, headers });

type Problem = components["schemas"]["ProblemDetails"];
type Change = components["schemas"]["Change"];

function fail(problem: Problem): never {
  throw new Error(`${problem.status} ${problem.code}: ${problem.title} ${problem.detail}`);
}

async function* changes(task: string): AsyncGenerator<Change> {
  const answer = await fetch(`${baseUrl}/v1/tasks/${task}/events`, { headers });
  let text = "";
  for await (const bytes of answer.body!.pipeThrough(new TextDecoderStream())) {
    const events = (text + bytes).split("\n\n");
    text = events.pop()!;
    for (const event of events) {
      const data = event.match(/^event: change\ndata: (.*)$/m);
      if (data) yield JSON.parse(data[1]!) as Change;
    }
  }
}

const made = await tasker.POST("/v1/tasks", {
  params: { header: { "Idempotency-Key": "order 4711" } },
  body: { namespace: "shop", name: "process_order", context: { order: 4711 }, tags: ["web"] },
});
if (made.error) fail(made.error);
const task = made.data.task_uuid;
console.log("created", made.data.created);

for await (const change of changes(task)) {
  console.log(change.step ?? "task", change.to_state);
}

let before: string | null | undefined;
do {
  const page = await tasker.GET("/v1/tasks", { params: { query: { tag: "web", limit: 2, before } } });
  if (page.error) fail(page.error);
  for (const one of page.data.items) console.log("listed", one.state);
  before = page.data.next;
} while (before);

const unknown = await tasker.GET("/v1/handlers/{namespace}/{name}", {
  params: { path: { namespace: "shop", name: "nothing" } },
});
console.log("refused", unknown.error?.status, unknown.error?.code);
