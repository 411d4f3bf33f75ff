import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri

from edgeprune.search.fitting import fit_to_budget, keep_ratios
from edgeprune.search.problem import SearchProblem, Widths
from edgeprune.search.samplers.agent import Agent
from edgeprune.search.samplers.amc_options import AmcOptions
from edgeprune.search.samplers.base import WidthSampler
from edgeprune.search.wall import largest_width


class AmcSampler(WidthSampler):
    def __init__(self, problem, seed, trials, options):
        super().__init__(problem, seed)
        self.options = options
        self.trials = trials
        G, F = problem.features.shape
        low = problem.features.min(0); span = np.ptp(problem.features, 0)
        self.static = ((problem.features - low) / np.where(span > 0, span, 1)).astype(np.float32)
        if 'onehot' in options.spend_budget:
            self.static = np.concatenate([self.static, np.eye(G, dtype=np.float32)], 1)
        if 'sin' in options.spend_budget:
            t = np.arange(G)
            self.static = np.concatenate([self.static] + [np.stack([np.sin(t*np.pi/2**k*1.0), np.cos(t*np.pi/2**k)],1).astype(np.float32) for k in range(0,6)], 1)
        F = self.static.shape[1]
        self.full_macs = problem.macs(problem.full)
        self.rest = []
        w = dict(problem.smallest)
        for g in problem.groups:
            w[g] = problem.full[g]
            self.rest.append((self.full_macs - problem.macs(w)) / self.full_macs)
        self.agent = Agent(F + 3, G, options, seed)
        self.episodes = 0
        self.pending = {}

    def walk(self, policy):
        p = self.problem
        widths = dict(p.smallest)
        decided = dict(p.full)
        previous = 1.0
        states, actions = [], []
        for i, g in enumerate(p.groups):
            state = np.concatenate([self.static[i], np.array([1 - p.macs(decided) / self.full_macs, self.rest[i], previous], np.float32)])
            action, width = policy(state, g, widths)
            widths[g] = decided[g] = width
            previous = width / p.full[g]
            states.append(state.astype(np.float32)); actions.append(action)
        return np.stack(states), actions, widths

    def propose(self, study, trial):
        o = self.options
        p = self.problem
        mode = o.spend_budget
        if self.episodes < o.warmup:
            def act(state): return float(self.rng.uniform())
        else:
            sigma = o.noise * o.noise_decay ** (self.episodes - o.warmup)
            def act(state):
                m = self.agent.act(state)
                a, b = ndtr(-m / sigma), ndtr((1 - m) / sigma)
                return float(np.clip(m + sigma * ndtri(a + self.rng.uniform() * (b - a)), 0, 1))
        def policy(state, g, widths):
            a = act(state)
            lo = p.smallest[g]/p.full[g]
            r = lo + a*(1-lo) if 'affine' in mode else a
            width = p.nearest_choice(g, r * p.full[g])
            if 'wall' in mode:
                width = min(width, largest_width(p, widths, g))
            return a, width
        states, actions, widths = self.walk(policy)
        if 'grow' in mode and p.cost(widths) <= p.target or 'rescale' in mode:
            if 'rescale' in mode and not 'wall' in mode:
                lo = {g: p.smallest[g]/p.full[g] for g in p.groups}
                widths = fit_to_budget(p, {g: max(lo[g] + a*(1-lo[g]) if 'affine' in mode else a, lo[g]) for g, a in zip(p.groups, actions)})
            else:
                widths = fit_to_budget(p, keep_ratios(p, widths))
        self.pending[trial.number] = (states, actions)
        return widths

    def after_trial(self, study, trial, state, values):
        ep = self.pending.pop(trial.number, None)
        if ep is None:
            def policy(state, g, widths):
                w = trial.params[g]
                return w / self.problem.full[g], w
            states, actions, _ = self.walk(policy)
        else:
            states, actions = ep
        self.agent.remember(states, actions, values[0])
        self.episodes += 1
        if self.episodes > self.options.warmup:
            n = len(actions)
            if 'catch' in self.options.spend_budget and self.episodes == self.options.warmup + 1: n *= self.episodes
            self.agent.learn(int(self.options.updates * n))
