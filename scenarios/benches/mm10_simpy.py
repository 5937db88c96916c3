"""M/M/10 at 90 % load in SimPy: prints customers per second and their mean time in the queue."""

import random
import sys
import time

import simpy


def run(customers, seed):
    env = simpy.Environment()
    servers = simpy.Resource(env, capacity=10)
    draw = random.Random(seed)
    waited = []

    def customer():
        arrived = env.now
        with servers.request() as request:
            yield request
            waited.append(env.now - arrived)
            yield env.timeout(draw.expovariate(1.0))

    def source():
        for _ in range(customers):
            yield env.timeout(draw.expovariate(9.0))
            env.process(customer())

    env.process(source())
    begun = time.perf_counter()
    env.run()
    return customers / (time.perf_counter() - begun), sum(waited) / len(waited)


if __name__ == "__main__":
    rate, wait = run(int(sys.argv[1]), int(sys.argv[2]))
    print(rate, wait)
