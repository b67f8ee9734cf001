// Judges requests against policies: JSON lines in, one JSON line out per request, in order.
//
//   {"policy": NAME, "kind": "identity" | "resource" | "trust" | "endpoint", "document": {...}}
//   {"id": ..., "principal": ARN | service | null, "action": ..., "resource": ..., "account": ...,
//    "context": {...}, "identity": [NAME...], "owner": NAME | null, "endpoints": [NAME...]}
//
// The library is AGPL-3.0: this is a program of its own, started as a process by tests/policies/simulation.py,
// and no part of what the project ships.
import { createInterface } from 'node:readline'
import {
  createValidatedPolicy,
  validateEndpointPolicy,
  validateIdentityPolicy,
  validateResourcePolicy,
  validateTrustPolicy
} from '@cloud-copilot/iam-policy'
import { anonymousPrincipal, runSimulation } from '@cloud-copilot/iam-simulate'

const VALIDATORS = {
  identity: validateIdentityPolicy,
  resource: validateResourcePolicy,
  trust: validateTrustPolicy,
  endpoint: validateEndpointPolicy
}

const policies = new Map()

function register({ policy: name, kind, document }) {
  // Validated once here: mutants share most of their policies with one another.
  const validated = createValidatedPolicy(document, VALIDATORS[kind], { name })
  validated.name = name
  if (validated.errors.length > 0) {
    const errors = validated.errors.map((error) => `${error.path}: ${error.message}`).join('; ')
    throw new Error(`policy ${name} is not valid ${kind} policy: ${errors}`)
  }
  policies.set(name, validated)
}

function policy(name) {
  if (!policies.has(name)) {
    throw new Error(`request names the unknown policy ${name}`)
  }
  return policies.get(name)
}

function statements(analysis, which) {
  return (analysis?.[which] ?? []).map(({ policyId, statement }) => ({
    policy: policyId,
    statement: statement.sid() ?? `statement ${statement.index()}`
  }))
}

async function judge(request) {
  const answer = await runSimulation(
    {
      request: {
        principal: request.principal ?? anonymousPrincipal,
        action: request.action,
        resource: { resource: request.resource, accountId: request.account },
        contextVariables: request.context
      },
      identityPolicies: request.identity.map((name) => ({ name, policy: policy(name) })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: request.owner === null ? undefined : policy(request.owner),
      vpcEndpointPolicies:
        request.endpoints.length === 0
          ? undefined
          : request.endpoints.map((name) => ({ name, policy: policy(name) }))
    },
    {}
  )
  if (answer.resultType !== 'single') {
    throw new Error(`request ${request.id}: ${JSON.stringify(answer.errors ?? answer.resultType)}`)
  }
  const { analysis, ignoredContextKeys } = answer.result
  const layers = [analysis.identityAnalysis, analysis.resourceAnalysis, analysis.endpointAnalysis]
  const which = answer.overallResult === 'Allowed' ? 'allowStatements' : 'denyStatements'
  return {
    id: request.id,
    verdict: answer.overallResult,
    decided: layers.flatMap((layer) => statements(layer, which)),
    // Which layers would have let it through: says whose silence an implicit denial is.
    granted: layers.map((layer) => (layer?.allowStatements ?? []).length > 0),
    ignored: ignoredContextKeys
  }
}

const answers = []
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line)
  if ('policy' in message) {
    register(message)
  } else {
    answers.push(JSON.stringify(await judge(message)))
  }
}
process.stdout.write(answers.join('\n') + '\n')
