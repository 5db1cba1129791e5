/**
 * Who takes part in a story about groups: twenty members of four groups and ten transactional producers, five of which belong to members. Each part is played by one process after
 * another, since processes crash; and by two at once where one has been started that should have been stopped.
 */

import { assert } from '../../std/assert.ts'
import { ClassicConsumer } from './classic-consumer.ts'
import { feed } from './feeder.ts'
import { ModernConsumer } from './modern-consumer.ts'
import { SimClient } from './sim-client.ts'
import type { GroupStory } from './story.ts'
import { TransactionalProducer, type TransactionalVersion } from './transactional-producer.ts'

/** What a process does, and what asks it to leave. */
interface Role {
  readonly run: () => Promise<void>
  readonly leave?: () => void
}

type Play = (client: SimClient) => Role

export class Part {
  readonly name: string
  readonly isMember: boolean
  /** Two processes that play it know that there is to be one only, and the second is to be obeyed. */
  readonly isFenced: boolean
  /** It writes in transactions. */
  readonly isProducer: boolean
  readonly #story: GroupStory
  readonly #play: Play
  readonly #running = new Map<SimClient, Role>()
  #count = 0
  #isAbandoned = false

  constructor(
    story: GroupStory,
    name: string,
    traits: { isMember: boolean; isFenced: boolean; isProducer: boolean },
    play: Play,
  ) {
    this.#story = story
    this.name = name
    this.isMember = traits.isMember
    this.isFenced = traits.isFenced
    this.isProducer = traits.isProducer
    this.#play = play
  }

  get processes(): SimClient[] {
    return [...this.#running.keys()]
  }

  /** Plays the part until the story is over, with as many processes as it takes. Fails with what is found to be wrong. */
  async perform(): Promise<void> {
    const isDone = (): boolean => this.#isAbandoned || (this.isMember ? this.#story.isOver : this.#story.isHealed)
    for (;;) {
      if (this.#running.size === 0) {
        if (isDone()) return
        await this.start()
      }
      await this.#story.simulator.sleep(300)
    }
  }

  /** One more process; ends when that does. */
  async start(): Promise<void> {
    const client = new SimClient(this.#story, `${this.name}.${this.#count++}`)
    const role = this.#play(client)
    this.#running.set(client, role)
    const end = await client.run(() => role.run())
    this.#running.delete(client)
    // Positions of a process that has ended are of no account.
    if (end === 'done') this.#story.tell({ process: client.name, f: 'crash' })
    if (this.#story.isHealed) return
    await this.#story.simulator.sleep(this.#story.between(100, 2500))
  }

  /** Nobody plays it any more. */
  abandon(): void {
    this.#isAbandoned = true
    for (const client of this.#running.keys()) if (!client.isPaused) client.crash()
  }

  leave(): void {
    for (const { leave } of this.#running.values()) leave?.()
  }
}

/** How a member speaks. In a group that migrates each process decides anew, so that the group goes to the new protocol and back as they come and go. */
type Style = 'eager' | 'cooperative' | 'modern' | 'migrating'

/** By group: the styles of its members, of which a story has one. */
const groups: Readonly<
  Record<string, { readonly styles: readonly Style[]; readonly staticMembers: number; readonly transforms: boolean }>
> = {
  eager: { styles: ['eager'], staticMembers: 2, transforms: false },
  cooperative: { styles: ['cooperative', 'cooperative', 'migrating'], staticMembers: 1, transforms: false },
  modern: { styles: ['modern', 'modern', 'migrating'], staticMembers: 1, transforms: false },
  transforming: { styles: ['cooperative', 'modern', 'migrating'], staticMembers: 1, transforms: true },
}
export const groupIds = Object.keys(groups)
const membersPerGroup = 5
const feeders = 5

export function castOf(story: GroupStory, versions: () => TransactionalVersion): Part[] {
  const parts: Part[] = []
  for (const [groupId, { styles, staticMembers, transforms }] of Object.entries(groups)) {
    const style = story.random.pick(styles)
    if (style === 'migrating') {
      story.count('migrating group')
      story.migratingGroups.add(groupId)
    }
    for (let number = 0; number < membersPerGroup; number++) {
      const name = `${groupId}-${number}`
      const instanceId = number < staticMembers ? name : null
      const version = versions()
      const play: Play = client => {
        const producer = transforms ? new TransactionalProducer(client, name, version) : undefined
        const options = { groupId, instanceId, ...(producer === undefined ? {} : { producer }) }
        const spoken = style === 'migrating' ? story.random.pick(['cooperative', 'modern'] as const) : style
        const consumer =
          spoken === 'modern'
            ? new ModernConsumer(client, options)
            : new ClassicConsumer(client, { ...options, style: spoken })
        return { run: () => consumer.run(), leave: () => void (consumer.leaves = true) }
      }
      // A second member of a modern group waits until the first has gone.
      const isFenced = (instanceId !== null && (style === 'eager' || style === 'cooperative')) || transforms
      parts.push(new Part(story, name, { isMember: true, isFenced, isProducer: transforms }, play))
    }
  }
  for (let number = 0; number < feeders; number++) {
    const name = `feeder-${number}`
    const version = versions()
    parts.push(
      new Part(story, name, { isMember: false, isFenced: true, isProducer: true }, client => ({
        run: () => feed(client, name, version),
      })),
    )
  }
  assert(parts.length === 25, () => `${parts.length} parts`)
  return parts
}
