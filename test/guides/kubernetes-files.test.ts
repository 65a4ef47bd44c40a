// Goal: the Kubernetes manifests belong together and keep what their README promises. Method: read them as Kubernetes does, compare
// labels, ports, volumes and times with each other and with the configuration, which our own parser loads.
import { readdirSync } from 'node:fs'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { type LoadedConfig, parseConfig } from '../../src/config/load-config.ts'
import { caExtensions, clockInDays, MemoryFiles, makeCertificate, serverExtensions } from '../config/sample-config.ts'
import { readSource } from '../tidy/source-files.ts'

/** What YAML holds; each test reads it as what it should be. */
type Manifest = ReturnType<typeof parse>

const base = 'config/kubernetes/base'
const read = (path: string) => readSource(`config/kubernetes/${path}`).text
const kustomization = parse(read('base/kustomization.yaml'))

/** YAML 1.1, as Kubernetes reads it: 0440 is octal. */
function manifestsOf(name: string): Manifest[] {
  return parseAllDocuments(read(`base/${name}`), { version: '1.1' }).map((document) => document.toJS())
}

const manifests: Manifest[] = kustomization.resources.flatMap((name: string) => manifestsOf(name))
const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind)
const deployment = ofKind('Deployment')[0] as Manifest
const pod = deployment.spec.template.spec
const podLabels: Manifest = deployment.spec.template.metadata.labels
const gateway = pod.containers[0]
const containers: Manifest[] = [...pod.containers, ...pod.initContainers]
const portNames = new Map<string, number>(gateway.ports.map((port: Manifest) => [port.name, port.containerPort]))

/** Whether a selector of `matchLabels` takes something with these labels. */
function selects(selector: Manifest, labels: Manifest): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value)
}

function loadConfigMap(): LoadedConfig {
  const text = ofKind('ConfigMap')[0]?.data['sekisho.yaml']
  const ca = makeCertificate({ commonName: 'user-ca', extensions: caExtensions })
  const operators = makeCertificate({ commonName: 'operators-ca', extensions: caExtensions })
  const names = ['DNS:login.bank.example', 'DNS:www-login.bank.example', 'DNS:localhost']
  const server = makeCertificate({ commonName: 'server', extensions: serverExtensions(...names) })
  const files = new MemoryFiles()
    .put('/etc/sekisho/issuers/user-ca.pem', ca.certificate)
    .put('/etc/sekisho/issuers/operators-ca.pem', operators.certificate)
    .put('/etc/sekisho/upstreams/ca.pem', operators.certificate)
    .put('/etc/sekisho/redis/ca.pem', operators.certificate)
    .put('/etc/sekisho/secrets/redis-password', 'secret\n')
  for (const door of ['login', 'public', 'admin']) {
    files
      .put(`/etc/sekisho/tls/${door}/tls.crt`, server.certificate)
      .put(`/etc/sekisho/tls/${door}/tls.key`, server.key)
  }
  return parseConfig(text, {
    env: { POD_NAME: 'sekisho-0' },
    files,
    clock: clockInDays(1),
    folder: '/etc/sekisho/config',
  })
}

const { config, warnings } = loadConfigMap()

t.test('the kustomization names every manifest, and all stand in its namespace', async (t) => {
  const files = readdirSync(new URL(`../../${base}`, import.meta.url)).filter((name) => name !== 'kustomization.yaml')
  t.same(kustomization.resources.toSorted(), files.toSorted())
  for (const { kind, metadata } of manifests) {
    t.equal(
      kind === 'Namespace' ? metadata.name : metadata.namespace,
      kustomization.namespace,
      `${kind} ${metadata.name}`,
    )
  }
})

t.test('every selector takes the pods, and one with another label would not', async (t) => {
  const selectors: Manifest[] = [
    deployment.spec.selector.matchLabels,
    ...ofKind('Service').map(({ spec }) => spec.selector),
    ...ofKind('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels),
    ...ofKind('NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels ?? {}),
    ...pod.topologySpreadConstraints.map((constraint: Manifest) => constraint.labelSelector.matchLabels),
  ]
  t.equal(selectors.length, 9)
  for (const selector of selectors) t.ok(selects(selector, podLabels), JSON.stringify(selector))
  t.notOk(selects({ 'app.kubernetes.io/name': 'other' }, podLabels))
})

t.test('every port that is named is one of the gateway, and one the configuration listens on', async (t) => {
  const probes = [gateway.startupProbe, gateway.readinessProbe, gateway.livenessProbe].map(
    (probe) => probe.httpGet.port,
  )
  const targets = ofKind('Service').flatMap(({ spec }) => spec.ports.map((port: Manifest) => port.targetPort))
  const policy = ofKind('NetworkPolicy')
    .flatMap(({ spec }) => spec.ingress ?? [])
    .flatMap(({ ports }) => ports.map(({ port }: Manifest) => port))
  for (const name of [...probes, ...targets, ...policy]) t.ok(portNames.has(name), name)
  const { certificate, public: publicDoor, ops } = config.doors
  const listening = [...certificate, publicDoor, ops].flatMap((door) => door?.listen ?? []).map(({ port }) => port)
  t.same([...portNames.values()].toSorted(), listening.toSorted())
  t.ok(
    listening.every((port) => port >= 1024),
    'no capability is needed',
  )
})

t.test('both doors stand on 443 of an address each, and ops is in no load balancer', async (t) => {
  const outside = ofKind('Service').filter(({ spec }) => spec.type === 'LoadBalancer')
  t.same(
    outside.map(({ spec }) => spec.ports.map((port: Manifest) => [port.port, port.targetPort])),
    [[[443, 'certificate']], [[443, 'public']]],
  )
  t.ok(
    outside.every(({ spec }) => spec.externalTrafficPolicy === 'Local'),
    'clients keep their address',
  )
})

t.test('the monitor finds the ops service, and no other', async (t) => {
  const { selector, endpoints } = ofKind('ServiceMonitor')[0]?.spec ?? {}
  const found = ofKind('Service').filter(({ metadata }) => selects(selector.matchLabels, metadata.labels))
  t.same(
    found.map(({ metadata }) => metadata.name),
    ['sekisho-ops'],
  )
  t.equal(found[0]?.spec.ports[0].name, endpoints[0].port)
  t.ok(Number.parseInt(endpoints[0].scrapeTimeout, 10) < Number.parseInt(endpoints[0].interval, 10))
})

t.test('ready means that logins work, alive does not', async (t) => {
  t.equal(gateway.readinessProbe.httpGet.path, '/readyz')
  t.equal(gateway.livenessProbe.httpGet.path, '/livez')
  const startSeconds = gateway.startupProbe.periodSeconds * gateway.startupProbe.failureThreshold
  t.ok(startSeconds >= 300, 'as long as the supervisor gives a gateway process to get ready')
})

t.test('a pod has the time to drain', async (t) => {
  const [command, seconds] = gateway.lifecycle.preStop.exec.command
  t.equal(command, 'sleep')
  const needed = Number(seconds) + config.limits.drainTimeoutMs / 1_000
  t.ok(pod.terminationGracePeriodSeconds >= needed + 20, `${pod.terminationGracePeriodSeconds} > ${needed}`)
})

t.test('evictions leave a gateway, and may go on', async (t) => {
  const { replicas, strategy } = deployment.spec
  const { maxUnavailable, minAvailable } = ofKind('PodDisruptionBudget')[0]?.spec ?? {}
  t.ok(replicas >= 2)
  t.ok(maxUnavailable >= 1 && maxUnavailable < replicas && minAvailable === undefined)
  t.same(strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 })
})

t.test('pods are confined as the namespace wants it', async (t) => {
  t.equal(ofKind('Namespace')[0]?.metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted')
  t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
  t.ok(pod.securityContext.runAsUser > 0)
  t.equal(pod.automountServiceAccountToken, false)
  for (const { name, securityContext, resources, image } of containers) {
    t.match(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true }, name)
    t.same(securityContext.capabilities, { drop: ['ALL'] }, name)
    t.ok(resources.requests.cpu && resources.requests.memory && resources.limits.memory, `${name}: resources`)
    t.equal(image, kustomization.images[0].name, name)
  }
  t.match(kustomization.images[0].newTag, /^\d+\.\d+\.\d+$/)
  t.equal(kustomization.images[0].newTag, JSON.parse(readSource('package.json').text).version)
})

t.test('every volume is mounted and every mount is a volume; secrets are files, never variables', async (t) => {
  const volumes: string[] = pod.volumes.map((volume: Manifest) => volume.name)
  const mounted: string[] = containers.flatMap(({ volumeMounts }) => volumeMounts.map((mount: Manifest) => mount.name))
  t.same([...new Set(mounted)].toSorted(), volumes.toSorted())
  const secrets = pod.volumes.filter((volume: Manifest) => volume.secret)
  t.equal(secrets.length, 4)
  for (const { secret } of secrets) t.equal(secret.defaultMode, 0o440, secret.secretName)
  const made = read('README.md').match(/(configmap|secret tls|secret generic) sekisho-[\w-]+/g) ?? []
  for (const { name, secret, configMap } of pod.volumes) {
    const wanted = secret?.secretName ?? configMap?.name
    if (wanted === undefined || wanted === 'sekisho') continue
    t.ok(
      made.some((words: string) => words.endsWith(` ${wanted}`)),
      `README makes ${wanted} for ${name}`,
    )
  }
  t.notMatch(JSON.stringify(gateway.env), /secretKeyRef/)
})

t.test('the policy lets out what the configuration reaches, and nothing goes where no rule is', async (t) => {
  const [denyAll, policy] = ofKind('NetworkPolicy')
  t.same(denyAll?.spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
  const allowed: number[] = policy?.spec.egress.flatMap(({ ports }: Manifest) =>
    ports.map(({ port }: Manifest) => port),
  )
  t.ok(
    policy?.spec.egress.every((rule: Manifest) => rule.to.length > 0),
    'every way out names where to',
  )
  const { store, upstreams } = config
  const reached = [
    ...(store.kind === 'redis' ? store.nodes.map(({ port }) => port) : []),
    ...upstreams.flatMap(({ targets }) => targets.map(({ port }) => port)),
  ]
  t.same(reached, [26379, 8443])
  for (const port of [...reached, 6379, 53]) t.ok(allowed.includes(port), `port ${port}`)
})

t.test('the configuration can be used; it warns of the ops listener alone', async (t) => {
  t.match(warnings, [/ops/])
  t.equal(warnings.length, 1)
  t.equal(config.gatewayName, 'sekisho-0')
  t.equal(config.workers, Number(gateway.resources.requests.cpu))
  const stateMount = gateway.volumeMounts.find((mount: Manifest) => mount.name === 'state').mountPath
  t.ok(config.stateFolder.startsWith(stateMount))
  t.match(pod.initContainers[0].command.at(-1), `${config.stateFolder}/audit.log`)
})

t.test('the overlay takes the volume of the state away and gives a lasting one of that name', async (t) => {
  const patch: Manifest[] = parse(read('stateful/patch.yaml'))
  const removed = patch.filter(({ op, path }) => op === 'remove' && path.includes('/volumes/'))
  const [, position] = /volumes\/(\d+)$/.exec(removed[0]?.path) ?? []
  t.equal(pod.volumes[Number(position)].name, 'state')
  const claims = patch.find(({ path }) => path === '/spec/volumeClaimTemplates')?.value
  t.equal(claims[0].metadata.name, 'state')
  const service = patch.find(({ path }) => path === '/spec/serviceName')?.value
  t.ok(ofKind('Service').some(({ metadata }) => metadata.name === service))
})
