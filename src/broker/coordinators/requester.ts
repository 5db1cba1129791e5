/** Who sends a group's request, as the group remembers its members. */

import type { GroupRequester } from '../../coordinator/group/classic/classic-context.ts'
import type { RequestContext } from '../api-handler.ts'

export function requesterOf({ apiVersion, clientId, connection }: RequestContext): GroupRequester {
  // As Java prints an address that no name was looked up for.
  return { apiVersion, clientId: clientId ?? '', clientHost: `/${connection.remote.host}` }
}
