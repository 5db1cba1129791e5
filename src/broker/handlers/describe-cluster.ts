/**
 * DescribeCluster (key 60): the cluster's id, its brokers and its controller. v1 the type of endpoint (KIP-919); v2 fenced brokers (KIP-1073).
 */

import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from '../../protocol/messages/describe-cluster.ts'
import { apiHandler } from '../api-handler.ts'
import { clusterOperations, operationsOmitted } from '../authorized-operations.ts'

const endpointTypes = { broker: 1, controller: 2 }

export const describeCluster = apiHandler({
  request: DescribeClusterRequest,
  response: DescribeClusterResponse,
  versions: [0, 2],
  handle(request, { broker, connection }) {
    const { endpointType } = request
    if (endpointType === endpointTypes.controller) {
      return {
        errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        errorMessage: 'this is a broker, and the request is for a controller',
        endpointType: endpointTypes.broker,
      }
    }
    if (endpointType !== endpointTypes.broker) {
      return {
        errorCode: ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: `there is no endpoint type ${endpointType}`,
        endpointType: endpointTypes.broker,
      }
    }
    const brokers = broker
      .endpointsFor(connection)
      .filter(({ isFenced }) => request.includeFencedBrokers || !isFenced)
      .map(({ nodeId, ...endpoint }) => ({ brokerId: nodeId, ...endpoint }))
    return {
      endpointType,
      clusterId: broker.clusterId,
      controllerId: broker.image.controllerId,
      brokers,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsOmitted,
    }
  },
})
