/** How those ask who have to know what the broker did: one request at a time, again until it is answered, and never given up while its connection lives. So nothing of theirs arrives late. */

import type { Api } from '../../protocol/apis.ts'
import type { Infer, Input, Message } from '../../protocol/schema.ts'
import { assert } from '../../std/assert.ts'
import type { SimClient } from './sim-client.ts'
import { errorName, isPassing } from './story.ts'

/** Longer than a broker is paused: what it is asked then over another connection it does after what it was asked before. */
const patienceMs = 9000
/** Longer than everything together that may happen to a broker. */
const insistsMs = 120_000

/** `errorOf`: what decides whether to ask again. An attempt before the one that is answered may have had its effect. */
export async function insist<Q extends Message, R extends Message>(
  client: SimClient,
  api: Api<Q, R>,
  version: number,
  body: Input<Q>,
  errorOf: (answer: Infer<R>) => number,
): Promise<Infer<R>> {
  const endMs = client.nowMs + insistsMs
  let last = 'no answer'
  for (;;) {
    const answer = await client.ask(api, body, { version, patienceMs })
    if (answer !== undefined && !isPassing(errorOf(answer))) return answer
    if (answer !== undefined) last = errorName(errorOf(answer))
    assert(client.nowMs < endMs, () => `V1: ${client.name} asked for ${insistsMs} ms and got ${last}`)
    await client.sleep(client.story.between(20, 200))
  }
}
