/**
 * Requests to the other brokers of the cluster: one connection to each, made when it is first needed and again after it broke.
 *
 * A broker that advertises no address is on this machine (`--cores`), where it listens on the same addresses as this one.
 */

import type { Io } from '../../io/io.ts'
import type { BrokerEndpoint, ClusterImage } from '../../metadata/cluster-image.ts'
import { KafkaConnection } from '../../net/kafka-connection.ts'
import type { RequestOptions } from '../../net/kafka-connection.ts'
import type { Api } from '../../protocol/apis.ts'
import type { Infer, Input, Message } from '../../protocol/schema.ts'

export interface PeerBrokersOptions {
  readonly nodeId: number
  readonly image: ClusterImage
  /** `inter.broker.listener.name`; null: the first listener without encryption. */
  readonly listenerName: () => string | null
  /** An address that this broker's own listener of this name is reached at. */
  readonly ownHostOf: (listenerName: string) => string | undefined
}

interface Peer {
  readonly host: string
  readonly port: number
  readonly connection: Promise<KafkaConnection>
}

/** PLAINTEXT in `BrokerEndpoint.securityProtocol`. */
const plaintext = 0
const timeoutMs = 30_000

export class PeerBrokers {
  readonly #io: Io
  readonly #options: PeerBrokersOptions
  readonly #peers = new Map<number, Peer>()
  #isClosed = false

  constructor(io: Io, options: PeerBrokersOptions) {
    this.#io = io
    this.#options = options
  }

  /** Undefined where the broker cannot be reached, or has not answered: then nobody knows whether it has done what it was asked. */
  async request<Q extends Message, R extends Message>(
    brokerId: number,
    api: Api<Q, R>,
    body: Input<Q>,
    options: RequestOptions,
  ): Promise<Infer<R> | undefined> {
    try {
      const connection = await this.#connectionTo(brokerId)
      return await connection?.request(api, body, options)
    } catch {
      // Of a connection that broke every request rejects; the next one makes another.
      this.#peers.delete(brokerId)
      return undefined
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { connection } of this.#peers.values()) connection.then(close, () => {})
    this.#peers.clear()
  }

  #connectionTo(brokerId: number): Promise<KafkaConnection> | undefined {
    const endpoint = this.#endpointOf(brokerId)
    if (endpoint === undefined || this.#isClosed) return undefined
    const { host, port } = endpoint
    const known = this.#peers.get(brokerId)
    if (known !== undefined && known.host === host && known.port === port) return known.connection
    known?.connection.then(close, () => {})
    const clientId = `broker-${this.#options.nodeId}`
    const connection = KafkaConnection.connect(this.#io, { host, port, clientId, timeoutMs })
    this.#peers.set(brokerId, { host, port, connection })
    return connection
  }

  #endpointOf(brokerId: number): { readonly host: string; readonly port: number } | undefined {
    const { image, listenerName, ownHostOf } = this.#options
    const broker = image.broker(brokerId)
    if (broker === undefined || broker.isFenced) return undefined
    const wanted = listenerName()
    const isWanted = ({ name, securityProtocol }: BrokerEndpoint): boolean =>
      wanted === null ? securityProtocol === plaintext : name === wanted
    const endpoint = broker.endpoints.find(isWanted)
    if (endpoint === undefined) return undefined
    const host = endpoint.host === '' ? ownHostOf(endpoint.name) : endpoint.host
    return host === undefined ? undefined : { host, port: endpoint.port }
  }
}

function close(connection: KafkaConnection): void {
  connection.close()
}
