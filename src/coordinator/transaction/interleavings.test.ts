/**
 * Every order in which two producers of one transactional id, the coordinator's markers, its clock and its restarts may meet: what the promises about transactions demand
 * is asserted after each step, with nothing taken over from the code that is tested.
 *
 * The exhaustive half walks the whole tree of a few steps. The random half goes on for longer, near the end of the epochs, with all versions, appends that are refused and commits
 * that come late.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ErrorName } from '../../protocol/errors.ts'
import type { ProducerIdAndEpoch, TransactionVersion } from './transaction-metadata.ts'
import type { ProducerAnswer, WriteMarkers } from './transaction-requests.ts'
import { TestCoordinator } from './transaction.fixture.ts'

const id = 'x'

interface Client {
  readonly version: TransactionVersion
  /** What it believes to be. */
  self: ProducerIdAndEpoch | undefined
  /** It was told that somebody has taken its place. */
  isFenced: boolean
  /** In which life of the transactional id it was told what it believes: how often somebody else had begun. */
  life: number
}

interface Transaction {
  readonly owner: Client
  readonly producerId: number
  /** Of the records. */
  readonly producerEpoch: number
  decision: 'COMMIT' | 'ABORT' | undefined
}

/** One story: what happened, and what must not happen any more. */
class Story {
  readonly coordinator: TestCoordinator
  readonly clients: readonly Client[]
  /** Answers of InitProducerId that another client than the last one got. */
  lives = 0
  #owner: Client | undefined
  /** The transaction that some client has been told to be in. */
  #open: Transaction | undefined
  readonly #highest = new Map<number, number>()
  /** What became of the transaction of each producer id and epoch, as markers said. */
  readonly #decided = new Map<string, 'COMMIT' | 'ABORT'>()
  #markersSeen = 0

  constructor(versions: readonly TransactionVersion[], coordinator = new TestCoordinator()) {
    this.coordinator = coordinator
    this.clients = versions.map(version => ({ version, self: undefined, isFenced: false, life: -1 }))
  }

  init(index: number, isRecovering: boolean): void {
    const client = this.clients[index]!
    const before = client.self
    const answer = this.coordinator.init(id, isRecovering ? before : undefined)
    this.#lookAtMarkers()
    if (typeof answer === 'string') {
      const expected: ErrorName[] = ['CONCURRENT_TRANSACTIONS', 'COORDINATOR_NOT_AVAILABLE']
      if (isRecovering && before !== undefined) expected.push('PRODUCER_FENCED')
      assert(expected.includes(answer), `init was answered ${answer}`)
      // Whoever was in a transaction is not any more, unless the request was refused.
      if (answer === 'CONCURRENT_TRANSACTIONS' && this.#open?.decision === undefined) this.#aborted()
      return
    }
    assert(
      this.#open?.decision !== undefined || this.#open === undefined,
      'a producer begins while another one is open',
    )
    this.#open = undefined
    const isNewLife = this.#owner !== client || !isRecovering || before === undefined
    if (isRecovering && before !== undefined && this.#owner !== client)
      assert.fail('P2: a producer that another one has replaced was let in again')
    if (isNewLife) {
      this.lives += 1
      this.#grows(answer, true)
    } else this.#grows(answer, false)
    this.#owner = client
    client.self = answer
    client.life = this.lives
    client.isFenced = false
  }

  add(index: number): void {
    const client = this.clients[index]!
    if (client.self === undefined) return
    const answer = this.coordinator.add(id, client.self, { t: [0], u: [1] }, client.version)
    this.#lookAtMarkers()
    if (answer === 'NONE') {
      assert(this.#owner === client, 'P2: a producer that another one has replaced adds partitions')
      if (this.#open === undefined || this.#open.decision !== undefined) {
        this.#open = { owner: client, ...client.self, decision: undefined }
      }
      assert.equal(this.#open.producerEpoch, client.self.producerEpoch, 'KIP-890: added under the epoch of before')
      return
    }
    this.#refused(client, answer, ['CONCURRENT_TRANSACTIONS'])
  }

  end(index: number, result: 'COMMIT' | 'ABORT'): void {
    const client = this.clients[index]!
    if (client.self === undefined) return
    const before = client.self
    const mine = this.#open?.owner === client && this.#open.producerEpoch === before.producerEpoch
    const wasOpen = mine && this.#open!.decision === undefined
    const answer: ProducerAnswer = this.coordinator.end(id, before, result, client.version)
    this.#lookAtMarkers()
    if (typeof answer !== 'string') {
      assert(this.#owner === client, 'P2: a producer that another one has replaced ends a transaction')
      if (mine) {
        this.#open!.decision ??= result
        assert.equal(this.#open!.decision, result, 'P6: two answers about one transaction')
        if (!wasOpen) assert.equal(this.#decided.get(keyOf(this.#open!)) ?? result, result)
      } else assert.equal(result, 'ABORT', 'a commit of nothing was answered without an error')
      if (client.version >= 2) {
        this.#grows(answer, true, mine && !wasOpen)
        client.self = answer
      }
      return
    }
    if (wasOpen && answer === 'INVALID_TXN_STATE') assert.fail('an open transaction cannot be ended')
    this.#refused(client, answer, ['CONCURRENT_TRANSACTIONS', 'INVALID_TXN_STATE'])
  }

  /** All markers that were asked for are written, or all but the completion, which is lost with the coordinator. */
  markers(): void {
    this.coordinator.carryOut()
    this.#lookAtMarkers()
  }

  restart(): void {
    this.coordinator.restart()
    this.#lookAtMarkers()
  }

  time(): void {
    const wasOpen = this.#open !== undefined && this.#open.decision === undefined
    this.coordinator.passTime(75_000)
    this.#lookAtMarkers()
    // While its log takes nothing the coordinator is not available.
    if (wasOpen && this.coordinator.log.refusal === undefined) {
      const state = this.coordinator.read(shard => shard.describe(id)!.state)
      assert(state !== 'Ongoing', `P5: still ${state} one interval after the timeout`)
      this.#aborted()
    }
  }

  /** Whatever has happened, it comes to rest and somebody can begin. */
  finish(): void {
    this.coordinator.log.refusal = undefined
    for (let i = 0; i < 3; i += 1) {
      this.init(0, false)
      this.markers()
    }
    this.init(0, false)
    assert(this.#owner === this.clients[0] && this.#open === undefined, 'V1: nobody can begin')
    this.add(0)
    this.end(0, 'COMMIT')
    this.markers()
    assert.equal(
      this.coordinator.read(shard => shard.describe(id)!.state),
      'CompleteCommit',
    )
  }

  #aborted(): void {
    if (this.#open !== undefined) this.#open.decision ??= 'ABORT'
  }

  #refused(client: Client, answer: ErrorName, expected: readonly ErrorName[]): void {
    if (answer === 'COORDINATOR_NOT_AVAILABLE') return
    if (answer === 'PRODUCER_FENCED' || answer === 'INVALID_PRODUCER_ID_MAPPING') {
      client.isFenced = true
      return
    }
    assert(expected.includes(answer), `answered ${answer}`)
  }

  /** P2 and P7: never a lower epoch, and where it is given to somebody new, a higher one. */
  #grows({ producerId, producerEpoch }: ProducerIdAndEpoch, mustGrow: boolean, mayRepeat = false): void {
    const before = this.#highest.get(producerId) ?? -1
    assert(producerEpoch >= before, `P2: epoch ${producerEpoch} after ${before} of ${producerId}`)
    if (mustGrow && !mayRepeat) assert(producerEpoch > before, `P2: epoch ${producerEpoch} of ${producerId} twice`)
    this.#highest.set(producerId, producerEpoch)
  }

  /** P6: whatever markers are asked for, for one producer id and epoch they say the same. */
  #lookAtMarkers(): void {
    const { markersAsked } = this.coordinator
    for (; this.#markersSeen < markersAsked.length; this.#markersSeen += 1) {
      const markers = markersAsked[this.#markersSeen]!
      const open = this.#open
      const known = this.#decided.get(keyOf(markers))
      // Older clients have many transactions of one epoch, and one after the other.
      if (markers.transactionVersion >= 2) {
        assert(known === undefined || known === markers.result, `P6: ${known} and ${markers.result} of one transaction`)
      }
      this.#decided.set(keyOf(markers), markers.result)
      if (open?.decision !== undefined && isOf(markers, open))
        assert.equal(markers.result, open.decision, 'P6: another marker than was answered')
      if (markers.result === 'COMMIT' && open !== undefined)
        assert.deepEqual([...markers.partitions.keys()], ['t', 'u'], 'P3: a marker for some partitions only')
    }
  }
}

function keyOf({ producerId, producerEpoch }: ProducerIdAndEpoch): string {
  return `${producerId}/${producerEpoch}`
}

function isOf(markers: WriteMarkers, { producerId, producerEpoch }: ProducerIdAndEpoch): boolean {
  if (markers.producerId !== producerId) return false
  return markers.producerEpoch === producerEpoch + (markers.transactionVersion >= 2 ? 1 : 0)
}

type Step = (story: Story) => void

const steps: Readonly<Record<string, Step>> = {
  'A begins': story => story.init(0, false),
  'A begins again': story => story.init(0, true),
  'A adds': story => story.add(0),
  'A commits': story => story.end(0, 'COMMIT'),
  'A aborts': story => story.end(0, 'ABORT'),
  'B begins': story => story.init(1, false),
  'B adds': story => story.add(1),
  'B commits': story => story.end(1, 'COMMIT'),
  'markers are written': story => story.markers(),
  'the coordinator is restarted': story => story.restart(),
  'time passes': story => story.time(),
}

const names = Object.keys(steps)

function tell(story: Story, path: readonly string[]): void {
  try {
    for (const name of path) steps[name]!(story)
    story.finish()
  } catch (error) {
    throw new Error(`${path.join(', ')}: ${(error as Error).message}`, { cause: error })
  }
}

describe('every order of begin, add, end, markers, restarts and timeouts', () => {
  for (const [versions, depth] of [
    [[2, 2], 4],
    [[0, 2], 4],
    [[0, 0], 3],
  ] as const) {
    it(`keeps what was promised, with a client of version ${versions[0]} and one of ${versions[1]}`, () => {
      let count = 0
      const walk = (path: readonly string[]): void => {
        if (path.length === depth) {
          // The beginning is the same in all: without a producer there is nothing to tell.
          tell(new Story(versions), ['A begins', ...path])
          count += 1
          return
        }
        for (const name of names) walk([...path, name])
      }
      walk([])
      assert.equal(count, names.length ** depth)
    })
  }
})

describe('long stories', () => {
  it('keep what was promised, near the last epoch too, with refused appends', () => {
    const version = fc.constantFrom<TransactionVersion>(0, 2)
    const story = fc.record({
      versions: fc.tuple(version, version),
      clusterVersion: fc.constantFrom<TransactionVersion>(0, 1, 2),
      firstEpoch: fc.constantFrom(0, 32_760, 32_764, 32_765, 32_766),
      path: fc.array(fc.constantFrom(...names, 'the log refuses', 'the log takes again'), { maxLength: 40 }),
    })
    fc.assert(
      fc.property(story, ({ versions: clients, clusterVersion, firstEpoch, path }) => {
        // Its records cannot tell of newer clients, which are refused.
        const versions: typeof clients = clusterVersion === 0 ? [0, 0] : clients
        const coordinator = new TestCoordinator({ settings: { transactionVersion: clusterVersion } })
        coordinator.init(id)
        const known = coordinator.read(shard => shard.describe(id)!)
        const metadata = { ...known, producerEpoch: firstEpoch }
        coordinator.preload([{ transactionalId: id, metadata, valueVersion: 1 }])
        const told = new Story(versions, coordinator)
        for (const name of ['A begins', ...path]) {
          if (name === 'the log refuses') coordinator.log.refusal = 'NOT_ENOUGH_REPLICAS'
          else if (name === 'the log takes again') coordinator.log.refusal = undefined
          else steps[name]!(told)
        }
        told.finish()
      }),
      { numRuns: 300 },
    )
  })
})
