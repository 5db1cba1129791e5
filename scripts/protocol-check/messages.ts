/** Every schema there is, by name. */

import { apiList } from '../../src/protocol/apis.ts'
import { internalMessages } from '../../src/protocol/internal-messages.ts'
import {
  ListClientMetricsResourcesRequest,
  ListClientMetricsResourcesResponse,
} from '../../src/protocol/messages/list-config-resources.ts'
import type { Message } from '../../src/protocol/schema.ts'

const byName = new Map<string, Message>(
  [
    ...apiList.flatMap(api => [api.request, api.response]),
    ...internalMessages,
    ListClientMetricsResourcesRequest,
    ListClientMetricsResourcesResponse,
  ].map(message => [message.name, message]),
)

export const messageNames: readonly string[] = [...byName.keys()]

export function messageNamed(name: string): Message | undefined {
  return byName.get(name)
}
