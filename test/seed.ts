/** The seed of property runs and simulations: `TEST_SEED=123` or `TEST_SEED=random` gives another one, and is printed. */
const FIXED_SEED = 20261121

export function seedOf(variable = 'TEST_SEED'): number {
  const given = process.env[variable]
  const seed = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given ?? FIXED_SEED)
  if (!Number.isSafeInteger(seed)) throw new Error(`${variable} must be "random" or a whole number`)
  if (given) process.stderr.write(`${variable}=${seed}\n`)
  return seed
}
