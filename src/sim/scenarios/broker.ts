/**
 * One broker for some simulated hours: producers and consumers of several topics through crashes, power cuts, restarts, partitions, slow,
 * failing and full disks, clocks that jump, topics that come and go, and retention. What clients were told stays true, as far as it was
 * promised.
 */

import { runConsumer, runProducer } from '../broker-clients.ts'
import { BrokerServer } from '../broker-server.ts'
import { BrokerStory, hourMs, partitionOf } from '../broker-story.ts'
import type { Counts, Scenario } from '../scenario.ts'
import type { Simulator } from '../simulator.ts'

const trials = [
  'crash',
  'power cut',
  'restart',
  'partition',
  'slow disk',
  'failing disk',
  'full disk',
  'clock jump',
  'topic churn',
  'hours',
] as const
const trialCount = 15

export const brokerScenario: Scenario = {
  name: 'broker',
  summary: 'one broker for hours: crashes, power cuts, bad disks, partitions, clock jumps, topic churn, retention',
  kinds: [...trials, 'acknowledged', 'read', 'retried', 'connection lost', 'expired'],
  run: simulator => simulator.settle(tell(simulator), 1000 * hourMs),
}

async function tell(simulator: Simulator): Promise<Counts> {
  const story = new BrokerStory(simulator)
  const server = new BrokerServer(story)
  await server.start()
  await server.createTopics()
  const partitions = [...story.histories.keys()].map(partitionOf)
  const clients = partitions.flatMap((partition, i) => [
    runProducer(story, simulator.machine(`producer-${i}`).boot(), partition, i % 2 === 0),
    runConsumer(story, simulator.machine(`consumer-${i}`).boot(), partition),
  ])
  // All of them end with the story, unless one finds a promise broken.
  await Promise.all([suffer(story, server), ...clients])
  await server.stop()
  await server.start()
  await server.inspect('stop')
  await server.stop()
  return story.counts
}

async function suffer(story: BrokerStory, server: BrokerServer): Promise<void> {
  const { simulator } = story
  const { random } = simulator.world
  for (let i = 0; i < trialCount; i++) {
    await simulator.sleep(random.exponential(3000))
    const trial = random.pick(trials)
    story.count(trial)
    await server.trials[trial]()
  }
  story.over = true
}
