"""`wcz demo`: the whole way once on handwritten digits. Works from a source tree and from an installed package."""
