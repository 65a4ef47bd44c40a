import { type DerElement, type DerReader, tags } from './der-reader.ts'
import { readOid } from './object-identifier.ts'
import { hashes, oids, type SignatureScheme, signatureSchemes } from './oids.ts'

/** A signature algorithm as a certificate names it. */
export type SignatureAlgorithm = {
  readonly oid: string
  /** `sha1`, `sha256`, …; `intrinsic` for EdDSA; `unknown` where this code does not know the algorithm. */
  readonly hash: string
  /** Undefined where the algorithm is unknown. */
  readonly keyType: SignatureScheme['keyType'] | undefined
  /** Of RSASSA-PSS, in octets. */
  readonly saltLength: number | undefined
}

/** Reads an AlgorithmIdentifier of a signature (RFC 5280 4.1.1.2). Throws `certificate_unreadable`. */
export function readSignatureAlgorithm(reader: DerReader, element: DerElement): SignatureAlgorithm {
  const fields = reader.inside(element)
  const oid = readOid(fields)
  if (oid === oids.rsassaPss) return readPssParameters(fields)
  const scheme = Object.hasOwn(signatureSchemes, oid) ? signatureSchemes[oid] : undefined
  return { oid, hash: scheme?.hash ?? 'unknown', keyType: scheme?.keyType, saltLength: undefined }
}

/** RSASSA-PSS-params (RFC 4055 3.1). A mask made with another hash, or another trailer, counts as unknown. */
function readPssParameters(fields: DerReader): SignatureAlgorithm {
  const oid = oids.rsassaPss
  const unknown: SignatureAlgorithm = { oid, hash: 'unknown', keyType: undefined, saltLength: undefined }
  if (fields.peek() !== tags.sequence) return unknown
  const parameters = fields.enter(tags.sequence)
  fields.finish()
  const explicit = (tag: number): DerReader | undefined => {
    const element = parameters.optional(tag)
    return element === undefined ? undefined : parameters.inside(element)
  }
  const hashField = explicit(0xa0)
  const hash = hashField === undefined ? 'sha1' : hashes[readOid(hashField.enter(tags.sequence))]
  const maskField = explicit(0xa1)
  let maskHash: string | undefined = 'sha1'
  if (maskField !== undefined) {
    const mask = maskField.enter(tags.sequence)
    maskHash = readOid(mask) === oids.mgf1 ? hashes[readOid(mask.enter(tags.sequence))] : undefined
  }
  const saltLength = explicit(0xa2)?.smallInteger() ?? 20
  const trailer = explicit(0xa3)?.smallInteger() ?? 1
  parameters.finish()
  if (hash === undefined || hash !== maskHash || trailer !== 1) return unknown
  return { oid, hash, keyType: 'pss', saltLength }
}
