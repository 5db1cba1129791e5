/** Brokers with controllers on a store in a simulated world, for the tests of this folder. */

import assert from 'node:assert/strict'
import type { Io } from '../io/io.ts'
import { resolveBrokerConfig } from '../metadata/config/broker-config.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { noLayers } from '../metadata/config/broker-settings.ts'
import { ClusterImage } from '../metadata/cluster-image.ts'
import { openEmbeddedStore } from '../metadata/embedded.ts'
import { MetadataLog } from '../metadata/metadata-log.ts'
import type { MetadataStore } from '../metadata/store.ts'
import { uuidOf } from '../protocol/uuid.ts'
import { Logging } from '../std/logger.ts'
import { SeededRandom } from '../std/random.ts'
import { syncBrokers } from './brokers.ts'
import type { ControlOptions } from './control-state.ts'
import { ControlState } from './control-state.ts'
import { Controller } from './controller.ts'
import { stageInitialFeatures, supportedFeatures } from './features.ts'
import type { ControllerRelay } from './relay.ts'
import type { BrokerRegistration } from './requests.ts'

export const clusterId = 'Yf1FzLkFSZmbVhhGGSP0sQ'

export function configOf(settings: Record<string, string> = {}): BrokerConfig {
  return resolveBrokerConfig({ ...noLayers, fixed: new Map(Object.entries({ 'node.id': '1', ...settings })) })
}

export const quiet = (io: Io): Logging => new Logging({ nowMs: () => io.clock.nowMs(), sink: () => {}, level: 'off' })

export async function openStore(io: Io): Promise<MetadataStore> {
  const result = await openEmbeddedStore(io, '/data', quiet(io))
  assert.ok(result.ok, result.ok ? '' : result.error.message)
  return result.store
}

export interface BrokerOptions {
  readonly id?: number
  readonly settings?: Record<string, string>
  readonly cleanShutdown?: boolean
  readonly rack?: string | null
  readonly caseInsensitiveDisk?: boolean
  readonly canReplicate?: boolean
  readonly relay?: ControllerRelay
}

export function registrationOf(
  io: Io,
  { id = 1, cleanShutdown = true, rack = null }: BrokerOptions,
): BrokerRegistration {
  return {
    brokerId: id,
    incarnationId: uuidOf(io.random.bytes(16)),
    endpoints: [{ name: 'PLAINTEXT', host: `broker-${id}`, port: 9092, securityProtocol: 0 }],
    rack,
    logDirs: [directoryId(id)],
    features: supportedFeatures,
    cleanShutdown,
  }
}

/** A broker of several shares its store's fate with nobody: closing one leaves the store open for the others. */
export class TestBroker {
  readonly controller: Controller
  readonly log: MetadataLog
  readonly fatal: Error[]

  private constructor(controller: Controller, log: MetadataLog, fatal: Error[]) {
    this.controller = controller
    this.log = log
    this.fatal = fatal
  }

  static async start(io: Io, store: MetadataStore, options: BrokerOptions = {}): Promise<TestBroker> {
    const log = await MetadataLog.open(io, shared(store), quiet(io))
    const fatal: Error[] = []
    const config = configOf(options.settings)
    const controller = await Controller.start(io, {
      log,
      registration: registrationOf(io, options),
      clusterId,
      config: () => config,
      caseInsensitiveDisk: options.caseInsensitiveDisk ?? false,
      canReplicate: options.canReplicate ?? true,
      relay: options.relay,
      logging: quiet(io),
      onFatal: cause => fatal.push(cause),
    })
    return new TestBroker(controller, log, fatal)
  }

  get image(): ClusterImage {
    return this.log.image
  }

  async close(): Promise<void> {
    await this.controller.close()
    await this.log.close()
  }
}

/** The store without its end: whoever opened it closes it. */
function shared(store: MetadataStore): MetadataStore {
  return {
    get: key => store.get(key),
    list: prefix => store.list(prefix),
    transact: (guards, operations) => store.transact(guards, operations),
    openSession: timeoutMs => store.openSession(timeoutMs),
    watch: (prefix, listener) => store.watch(prefix, listener),
    close: async () => {},
  }
}

/** A log directory's id that tells its broker. */
export const directoryId = (brokerId: number): string => `dir-of-broker-${String(brokerId).padStart(7, '0')}A`

export interface StateOptions extends Partial<ControlOptions> {
  readonly settings?: Record<string, string>
  readonly racks?: Readonly<Record<number, string>>
}

/** A controller's state with these brokers alive, nothing staged, no store behind it. */
export function stateWith(brokerIds: readonly number[], options: StateOptions = {}): ControlState {
  const random = new SeededRandom(1)
  const config = configOf(options.settings)
  const state = new ControlState(new ClusterImage(), 0, {
    nodeId: 1,
    random: { float: () => random.float(), below: bound => random.below(bound), bytes: length => random.bytes(length) },
    caseInsensitiveDisk: false,
    canReplicate: true,
    config: () => config,
    ...options,
  })
  stageInitialFeatures(state)
  syncBrokers(state, sessionsOf(brokerIds, options.racks))
  state.take()
  return state
}

/** What the brokers say of themselves; `life` tells one start of a broker from another. */
export function sessionsOf(brokerIds: readonly number[], racks: Readonly<Record<number, string>> = {}, life = 1) {
  return new Map(brokerIds.map(id => [id, sessionOf(id, { life, rack: racks[id] ?? null })]))
}

export function sessionOf(
  id: number,
  options: { life?: number; rack?: string | null; cleanShutdown?: boolean; isShuttingDown?: boolean } = {},
) {
  const { life = 1, rack = null, cleanShutdown = true, isShuttingDown = false } = options
  return {
    incarnationId: `${String(life).padStart(10, '0')}-${String(id).padStart(10, '0')}A`,
    endpoints: [{ name: 'PLAINTEXT', host: `broker-${id}`, port: 9092, securityProtocol: 0 }],
    rack,
    logDirs: [directoryId(id)],
    features: [...supportedFeatures],
    cleanShutdown,
    isShuttingDown,
  }
}
