/** What the documents' examples are about. */
export const ID = 'hr-2026-000123'
export const EVENT_ID = '8f0e1b8e-6b0f-4c11-9f4c-2a7d1c7b3e5d'
export const REQUEST_ID = '0A1B2C3D4E5F60718293A4B5C6D7E8F9'
export const TIME = '2026-11-27T10:00:00.000Z'
