// A seeded generator (SplitMix64 truncated to 53 bits), so that a round is repeated by its seed as far as timing allows.
export class Random {
  #state;

  constructor(seed) { this.#state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n + 1n); }

  #next() {
    this.#state = BigInt.asUintN(64, this.#state + 0x9e3779b97f4a7c15n);
    let z = this.#state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
  }

  below(bound) { return Math.floor(this.#next() * bound); }

  between(low, high) { return low + this.below(high - low + 1); }

  oneIn(n) { return this.below(n) === 0; }

  fork() { return new Random(this.below(2 ** 50)); }
}
