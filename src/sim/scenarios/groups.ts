/**
 * One broker, twenty members of four groups (eager, cooperative, KIP-848, and one that consumes, transforms and produces in transactions; any but the first may migrate between the protocols)
 * and ten transactional producers, through crashes, power cuts, pauses on both sides of the session timeout, late requests, processes that were started twice, full and slow disks,
 * syncs that fail, clocks that jump. What clients saw goes through the black-box checker, event by event. Beside them are three who know exactly what they have to be told: an auditor of committed
 * offsets and transactions, an impostor with memberships that are over, and a producer that says everything twice. When they are done scenes are rehearsed, in which each answer and its time are
 * known beforehand.
 */

import { Auditor, expiryMs } from '../groups/auditor.ts'
import { castOf } from '../groups/cast.ts'
import { Impostor } from '../groups/impostor.ts'
import { Keeper } from '../groups/keeper.ts'
import { Repeater } from '../groups/repeater.ts'
import { rehearse } from '../groups/rehearsals/rehearse.ts'
import { readAll, untilRead } from '../groups/ending.ts'
import { SimClient } from '../groups/sim-client.ts'
import { Stage } from '../groups/stage.ts'
import { GroupStory } from '../groups/story.ts'
import type { Counts, Scenario } from '../scenario.ts'
import type { Simulator } from '../simulator.ts'

const brokerTrials = [
  'crash',
  'power cut',
  'restart',
  'broker paused briefly',
  'broker paused for long',
  'slow disk',
  'full disk',
  'failed sync',
  'clock jump',
] as const
const clientTrials = [
  'client crashed',
  'client paused briefly',
  'client paused for long',
  'client cut off',
  'member left',
  'started twice',
  'replaced while paused',
] as const
const trials = [...brokerTrials, ...clientTrials]
const trialCount = 8
/** What brings late requests about, and what cuts things short, comes more often. */
const drawn = [...trials, 'client cut off', 'client cut off', 'client cut off', 'power cut', 'crash'] as const

export const groupsScenario: Scenario = {
  name: 'groups',
  summary:
    'groups of both protocols and transactions: crashes, pauses, late requests, processes started twice, bad disks',
  kinds: [
    ...trials,
    'joined',
    'left',
    'member epoch',
    'cooperative revocation',
    'read',
    'committed',
    'transformed',
    'fed',
    'aborted',
    'commit unknown',
    'epoch recovered',
    'unstable offset',
    'request delayed',
    'request given up',
    'connection lost',
    'REBALANCE_IN_PROGRESS',
    'UNKNOWN_MEMBER_ID',
    'FENCED_INSTANCE_ID',
    'PRODUCER_FENCED',
    'INVALID_PRODUCER_EPOCH',
    'transaction.version 0',
    'transaction.version 1',
    'transaction.version 2',
    'member gone for good',
    'migrating group',
    'classic member of a modern group',
    'group gone back',
    'gave up over its disk',
    'impostor refused',
    'batch repeated',
    'group deleted',
    'offset expired',
    'transaction timed out',
    'transactional id expired',
    'producer forgotten',
    'scene interrupted',
    'asked while it loads',
  ],
  seedsForKinds: 60,
  run: simulator => simulator.settle(tell(simulator), 24 * 60 * 60 * 1000),
}

async function tell(simulator: Simulator): Promise<Counts> {
  const story = new GroupStory(simulator)
  const stage = new Stage(story)
  await stage.start()
  const clusterVersion = story.random.pick([0, 1, 2, 2, 2])
  story.count(`transaction.version ${clusterVersion}`)
  const inspector = new SimClient(story, 'inspector')
  await stage.prepare(inspector, clusterVersion)
  // Old clients go on as they did, whatever the cluster has.
  const versions = () => (clusterVersion === 2 && story.random.chance(0.6) ? 2 : 0)
  const parts = castOf(story, versions)
  const auditor = new Auditor(new SimClient(story, 'auditor'), 'ledger', versions)
  story.feedersUnderWay = () => parts.filter(part => !part.isMember && part.processes.length > 0).length
  const bystanders = [
    auditor,
    new Impostor(new SimClient(story, 'impostor')),
    new Repeater(new SimClient(story, 'repeater'), 0),
  ]
  const everybody = [...parts, ...bystanders].map(each => ('perform' in each ? each.perform() : each.run()))
  const suffered = async (): Promise<void> => {
    for (let count = 0; count < trialCount; count++) {
      await simulator.sleep(story.random.exponential(1000))
      const trial = story.random.pick(drawn)
      story.count(trial)
      if ((brokerTrials as readonly string[]).includes(trial)) story.calmSinceMs = Number.POSITIVE_INFINITY
      await stage.trials[trial](parts)
      if (story.calmSinceMs === Number.POSITIVE_INFINITY) story.calmSinceMs = simulator.world.nowMs
    }
    story.isHealed = true
    stage.abandon(parts)
    await stage.heal()
    await untilRead(inspector)
    story.isOver = true
  }
  await story.together(Promise.all([suffered(), ...everybody]))
  await readAll(inspector)
  await rehearse(story, stage, clusterVersion)
  const keepers = (['classic', 'consumer', 'workers'] as const).map(
    kind => new Keeper(new SimClient(story, `kept-${kind}`), kind),
  )
  await Promise.all([
    auditor.expire(keepers.map(({ groupId }) => groupId)),
    ...keepers.map(keeper => keeper.keep(expiryMs)),
  ])
  await stage.stop()
  story.checker.finish()
  story.assertSound()
  return story.counts
}
