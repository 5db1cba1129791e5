/**
 * A running broker: opens everything in order, serves, and closes it in the opposite order.
 *
 * The order of opening is that of trust: ports first, so that a second broker on the same ports fails before it touches a file; then the
 * logs, whose locks and `meta.properties` say whose data it is; then the metadata and the controller, which say what should be there; then
 * the partitions. Only then the first request is served.
 */

import { ControllerStartError } from '../controller/candidacy.ts'
import { Controller } from '../controller/controller.ts'
import type { BrokerRegistration } from '../controller/requests.ts'
import type { Io, Listener } from '../io/io.ts'
import type { LinkCalls } from '../io/link-calls.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { BrokerEndpoint, ClusterImage } from '../metadata/cluster-image.ts'
import type { BrokerConfig } from '../metadata/config/broker-config.ts'
import { resolveTopicConfig } from '../metadata/config/topic-config.ts'
import type { TopicConfig } from '../metadata/config/topic-config.ts'
import { ConfigResourceType } from '../metadata/config-resource.ts'
import { NewerMetadataError } from '../metadata/delta.ts'
import type { Delta } from '../metadata/delta.ts'
import type { MetadataLog } from '../metadata/metadata-log.ts'
import { serveStore } from '../metadata/remote-store-server.ts'
import { uuidOf } from '../protocol/uuid.ts'
import { PartitionTable } from '../replication/partition-table.ts'
import { assert } from '../std/assert.ts'
import type { Logger, Logging } from '../std/logger.ts'
import type { Metrics } from '../std/metrics.ts'
import { Acceptor, BindError } from './acceptor.ts'
import type { BoundListener, ListenerBinding } from './acceptor.ts'
import type { BrokerContext, BrokerFeatures, ClientEndpoint } from './broker-context.ts'
import { registerBrokerGauges } from './broker-gauges.ts'
import { BrokerStartError } from './broker-start-error.ts'
import type { ConnectionMemory, MemoryBudgets } from './connection-memory.ts'
import type { Connection } from './connection.ts'
import { Coordinators } from './coordinators/coordinators.ts'
import type { GroupCoordinator } from './coordinators/group-coordinator.ts'
import type { InternalTopics } from './coordinators/internal-topics.ts'
import type { Transactions } from './coordinators/transactions.ts'
import { Dispatcher } from './dispatch.ts'
import { resolveDynamicConfig } from './dynamic-config.ts'
import { FatalNotice } from './fatal-notice.ts'
import { Deadlines } from './deadlines.ts'
import { FetchSessionCache } from './fetch-session.ts'
import { serveMetrics } from './metrics-endpoint.ts'
import { ProducerIds } from './producer-ids.ts'
import { RequestMetrics } from './request-metrics.ts'
import { served } from './served.ts'
import { openStorage } from './storage.ts'
import { forgetStrangers } from './strangers.ts'
import { supportedFeatures } from '../controller/features.ts'
import { relayOver, serveController } from '../controller/relay.ts'
import { TopicMetrics } from './topic-metrics.ts'
import type { WaitingFetch } from './waiting-fetch.ts'

/** A listener as the configuration has it. */
export interface BrokerListener extends ListenerBinding {
  /** What clients are told; undefined: the address that each client dialled. Port 0 stands for the port that was bound. */
  readonly advertised: { readonly host: string; readonly port: number } | undefined
  /** PLAINTEXT 0, SSL 1, SASL_PLAINTEXT 2, SASL_SSL 3. */
  readonly securityProtocol: number
}

export interface BrokerOptions {
  readonly config: BrokerConfig
  readonly listeners: readonly BrokerListener[]
  readonly logging: Logging
  readonly metrics: Metrics
  /** Memory for the newest batches of all logs, where the configuration does not say: a share of what the process may use. */
  readonly logCacheBytes: number
  /** Memory for the requests and the responses of all connections; `queued.max.request.bytes` goes before the former. */
  readonly connectionMemory: MemoryBudgets
  /** Names of topics that differ only in case would share a folder. */
  readonly caseInsensitiveDisk: boolean
  /** Files that logs may have open at a time. */
  readonly openFilesMax: number
  /** Connections that descriptors are left for. */
  readonly socketsMax: number
  readonly metadata: MetadataPlace
  /** Called when the broker cannot go on (its last log directory, or the one with the metadata, has failed); the owner stops it. */
  readonly onFatal: (cause: Error) => void
}

/** Whose the cluster's metadata and the controller are. */
export type MetadataPlace =
  /** This broker's. `brokerCount` brokers of this machine use them, this one and those with the ids that follow. */
  | { readonly kind: 'own'; readonly brokerCount: number }
  /** Those of the broker at the other end, which has to `admit` this one. */
  | { readonly kind: 'linked'; readonly calls: LinkCalls }

const stopDeadlineMs = 4000

export class Broker implements BrokerContext {
  readonly io: Io
  readonly nodeId: number
  readonly image: ClusterImage
  readonly controller: Controller
  readonly logs: LogManager
  readonly fetchSessions: FetchSessionCache
  readonly waitingFetches = new Set<WaitingFetch>()
  readonly produceDeadlines: Deadlines
  readonly producerIds: ProducerIds
  readonly coordinators: Coordinators
  readonly logging: Logging
  readonly logger: Logger
  readonly topicMetrics: TopicMetrics
  readonly requestMetrics: RequestMetrics
  readonly served = served
  #config: BrokerConfig
  #partitions: PartitionTable | undefined
  readonly #options: BrokerOptions
  readonly #acceptor: Acceptor
  readonly #metadataLog: MetadataLog
  readonly #topicConfigs = new Map<string, TopicConfig>()
  #metricsListener: Listener | undefined
  /** Those that use this broker's metadata. */
  readonly #admitted = new Set<LinkCalls>()
  #stopped: Promise<void> | undefined

  private constructor(
    io: Io,
    options: BrokerOptions,
    parts: { acceptor: Acceptor; logs: LogManager; metadataLog: MetadataLog; controller: Controller },
  ) {
    const { logging, metrics } = options
    this.io = io
    this.#options = options
    this.#config = options.config
    this.nodeId = options.config.nodeId
    this.#acceptor = parts.acceptor
    this.logs = parts.logs
    this.#metadataLog = parts.metadataLog
    this.image = parts.metadataLog.image
    this.controller = parts.controller
    this.logging = logging
    this.logger = logging.logger('kafka.server.KafkaBroker')
    this.topicMetrics = new TopicMetrics(metrics)
    this.requestMetrics = new RequestMetrics(metrics)
    this.produceDeadlines = new Deadlines(io.clock)
    this.#refreshConfig()
    this.fetchSessions = new FetchSessionCache(io.random, {
      slots: this.config.maxIncrementalFetchSessionCacheSlots,
      evictionMsMin: fetchSessionEvictionMsMin,
    })
    this.producerIds = new ProducerIds(() =>
      this.controller.allocateProducerIdBlock({ brokerId: this.nodeId, brokerEpoch: this.#brokerEpoch() }),
    )
    this.coordinators = new Coordinators(io, {
      nodeId: this.nodeId,
      image: this.image,
      controller: this.controller,
      producerIds: this.producerIds,
      partitions: () => this.partitions,
      config: () => this.config,
      ownHostOf: listenerName => reachableHost(this.addresses.find(({ name }) => name === listenerName)),
      logging,
    })
  }

  /** Rejects with a `BrokerStartError` for what a user can put right, with everything closed again. */
  static async start(io: Io, options: BrokerOptions): Promise<Broker> {
    const undo: (() => Promise<void>)[] = []
    const fatal = new FatalNotice(options.onFatal)
    try {
      const broker = await Broker.#start(io, { ...options, onFatal: cause => fatal.give(cause) }, undo)
      fatal.started()
      return broker
    } catch (error) {
      for (const close of undo.toReversed()) await close()
      throw startError(error)
    }
  }

  static async #start(io: Io, options: BrokerOptions, undo: (() => Promise<void>)[]): Promise<Broker> {
    const { config, logging, metadata } = options
    // Set below: until then the configuration is the fixed one.
    const started: { broker: Broker | undefined } = { broker: undefined }
    const currentConfig = (): BrokerConfig => started.broker?.config ?? config
    const acceptor = await Acceptor.bind(
      io,
      options.listeners,
      currentConfig,
      logging.logger('kafka.network.SocketServer'),
      options.connectionMemory,
      options.socketsMax,
    )
    undo.push(() => acceptor.stop(0))
    const { logs, metadataLog } = await openStorage(io, options, undo)
    const controller = await Controller.start(io, {
      log: metadataLog,
      registration: registrationOf(io, options, logs, acceptor.bound),
      clusterId: logs.clusterId,
      config: currentConfig,
      caseInsensitiveDisk: options.caseInsensitiveDisk,
      canReplicate: false,
      relay: metadata.kind === 'linked' ? relayOver(metadata.calls) : undefined,
      logging,
      onFatal: options.onFatal,
    })
    undo.push(() => controller.close())
    if (metadata.kind === 'own')
      await forgetStrangers(controller, metadataLog.image, config.nodeId, metadata.brokerCount)
    const broker = new Broker(io, options, { acceptor, logs, metadataLog, controller })
    started.broker = broker
    await broker.#serve(undo)
    return broker
  }

  get config(): BrokerConfig {
    return this.#config
  }

  get clusterId(): string {
    return this.logs.clusterId
  }

  get partitions(): PartitionTable {
    assert(this.#partitions !== undefined, 'partitions are asked for before they are open')
    return this.#partitions
  }

  get groups(): GroupCoordinator {
    return this.coordinators.groups
  }

  get transactions(): Transactions {
    return this.coordinators.transactions
  }

  get internalTopics(): InternalTopics {
    return this.coordinators.internalTopics
  }

  /** The listeners with the ports that they got. */
  get addresses(): readonly BoundListener[] {
    return this.#acceptor.bound
  }

  /** Where metrics are served, if they are. */
  get metricsAddress(): { readonly host: string; readonly port: number } | undefined {
    return this.#metricsListener
  }

  topicConfig(topic: string): TopicConfig {
    let config = this.#topicConfigs.get(topic)
    if (config === undefined) {
      config = resolveTopicConfig(this.config.topicDefaults, this.image.config(ConfigResourceType.TOPIC, topic))
      this.#topicConfigs.set(topic, config)
    }
    return config
  }

  get connectionMemory(): ConnectionMemory {
    return this.#acceptor.memory
  }

  features(): BrokerFeatures {
    const finalized = [...this.image.features].map(([name, level]) => ({ name, level }))
    return { supported: supportedFeatures, finalized, finalizedEpoch: this.image.featuresEpoch }
  }

  endpointsFor(connection: Connection): readonly ClientEndpoint[] {
    const endpoints: ClientEndpoint[] = []
    for (const broker of this.image.brokers.values()) {
      const endpoint = broker.endpoints.find(each => each.name === connection.listenerName)
      if (endpoint === undefined) continue
      // An empty host says that nothing is advertised. The address a client has dialled is one by which it can reach us, and the others of this machine.
      endpoints.push({
        nodeId: broker.id,
        host: endpoint.host === '' ? connection.local.host : endpoint.host,
        port: endpoint.port,
        rack: broker.rack,
        isFenced: broker.isFenced,
      })
    }
    return endpoints
  }

  /** Lets the broker at the other end use this one's metadata and controller, for as long as the link holds. */
  admit(calls: LinkCalls): void {
    assert(this.#options.metadata.kind === 'own', 'whoever has metadata from elsewhere has none to give')
    serveStore(calls, this.#metadataLog.store)
    serveController(calls, this.controller)
    this.#admitted.add(calls)
    void calls.broken.then(() => this.#admitted.delete(calls))
  }

  /**
   * Stops accepting, answers what waits, flushes and marks the shutdown clean. Those that were admitted have to be stopped meanwhile: the metadata is
   * there until the last of them is gone. Calling it again waits for the same.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #serve(undo: (() => Promise<void>)[]): Promise<void> {
    this.image.onApplied(deltas => this.#imageChanged(deltas))
    this.#partitions = await PartitionTable.open({
      clock: this.io.clock,
      nodeId: this.nodeId,
      image: this.image,
      logs: this.logs,
      configOf: topic => this.topicConfig(topic),
      logger: this.logging.logger('kafka.server.ReplicaManager'),
    })
    undo.push(() => this.partitions.close())
    // Every log has its topic's settings now.
    this.logs.cleaner?.start()
    this.coordinators.start()
    undo.push(async () => this.coordinators.close())
    registerBrokerGauges(this.#options.metrics, this, this.#acceptor)
    this.#metricsListener = await serveMetrics(this.io, this.config.metricsListener, this.#options.metrics)
    undo.push(async () => this.#metricsListener?.close())
    this.#acceptor.serve(new Dispatcher(served, this))
  }

  async #stop(): Promise<void> {
    this.logger.info('stopping')
    const brokerEpoch = this.#brokerEpoch()
    // Waiting fetches are answered at once; new ones on open connections are not started any more.
    const stopped = this.#acceptor.stop(stopDeadlineMs)
    for (const waiting of this.waitingFetches) waiting.end()
    this.coordinators.close()
    await stopped
    await this.#metricsListener?.close()
    await this.partitions.close()
    await Promise.all([...this.#admitted].map(({ broken }) => broken))
    await this.controller.close()
    await this.#metadataLog.close()
    await this.logs.close(brokerEpoch)
    this.logger.info('stopped')
  }

  #imageChanged(deltas: readonly Delta[]): void {
    for (const delta of deltas) {
      if (delta.type === 'config-changed' && delta.resourceType === ConfigResourceType.TOPIC)
        this.#topicConfigs.delete(delta.resourceName)
      else if (delta.type === 'config-changed' && delta.resourceType === ConfigResourceType.BROKER)
        this.#refreshConfig()
    }
    if (deltas.some(({ type }) => type === 'topic-deleted')) this.#forgetTopics()
  }

  /** A topic's settings and counters go with it; one that has been made again under the same name has its own. */
  #forgetTopics(): void {
    this.#topicConfigs.clear()
    this.topicMetrics.forgetAllBut(name => this.image.topicByName(name) !== undefined)
  }

  /** The fixed settings, and over them those that the image holds for all brokers and for this one. */
  #refreshConfig(): void {
    const config = resolveDynamicConfig(this.#options.config, this.image)
    this.#config = config
    this.#topicConfigs.clear()
    this.#acceptor.limitsChanged()
    this.logs.setCacheBudget(config.logCacheBytes ?? this.#options.logCacheBytes)
    this.logs.setMoveThrottle(config.moveBytesPerSecondMax)
    this.logs.setProducerIdExpiration(config.producerIdExpirationMs)
    this.logs.setProducerIdsMax(config.producerIdsMax)
    this.logs.setTransactionVerification(config.transactions.partitionVerificationEnable)
    this.logs.cleaner?.updateOptions(config.logCleaner)
    for (const problem of config.settings.problems) this.logger.warn(`ignoring a dynamic setting: ${problem}`)
  }

  #brokerEpoch(): number {
    const registered = this.image.broker(this.nodeId)
    assert(registered !== undefined, () => `broker ${this.nodeId} serves without being registered`)
    return registered.epoch
  }
}

/** Of a listener on all addresses, one of this machine. */
function reachableHost(listener: BoundListener | undefined): string | undefined {
  const host = listener?.hosts[0]
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** In one line what a user can put right; everything else as it is. */
function startError(error: unknown): unknown {
  if (error instanceof BindError) return BrokerStartError.ofBind(error)
  if (error instanceof ControllerStartError) return new BrokerStartError(error.kind, error.message, { cause: error })
  if (error instanceof NewerMetadataError) return new BrokerStartError('newer-format', error.message, { cause: error })
  return error
}

/** `min.incremental.fetch.session.eviction.ms`: Kafka has it as a constant. */
const fetchSessionEvictionMsMin = 120_000

function registrationOf(
  io: Io,
  options: BrokerOptions,
  logs: LogManager,
  bound: readonly BoundListener[],
): BrokerRegistration {
  const endpoints = options.listeners.map((listener): BrokerEndpoint => {
    const { name, advertised, securityProtocol } = listener
    const boundPort = bound.find(each => each.name === name)!.port
    const port = advertised === undefined || advertised.port === 0 ? boundPort : advertised.port
    return { name, host: advertised?.host ?? '', port, securityProtocol }
  })
  return {
    brokerId: options.config.nodeId,
    incarnationId: uuidOf(io.random.bytes(16)),
    endpoints,
    rack: options.config.rack,
    logDirs: logs.directoryIds(),
    features: supportedFeatures,
    cleanShutdown: logs.previousBrokerEpoch >= 0,
  }
}
