/** A user the sample bank knows, as the demo's table of people gives it. */
export type BankPerson = {
  readonly loginId: string
  readonly contractId: string
  readonly loginMethod: 'certificate' | 'password'
  readonly displayName: string
  readonly loginPassword: string
}
