package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// images are the only images that manifests may name.
var images = []string{
	"ghcr.io/cis490/profile-dashboard",
	"ghcr.io/cis490/profile-streamer",
	"ghcr.io/cis490/profile-worker",
	"ghcr.io/cis490/profiles",
	"ghcr.io/cis490/profiles-nats",
}

var shells = []string{"ash", "bash", "sh"}

var evaluator = func() policy.Evaluator {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	return e
}()

var restricted = security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}

// checkPods checks each pod template against the "restricted" level of Pod Security, with the API server's own code,
// and against the project's rules.
func (b Build) checkPods(r *Report) {
	for _, p := range b.pods() {
		add := func(format string, args ...any) { r.add(b.where(p.of), fmt.Sprintf(format, args...)) }
		if found := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &p.meta, &p.spec)); !found.Allowed {
			add("not restricted: %s", found.ForbiddenDetail())
		}
		if t := p.spec.AutomountServiceAccountToken; t == nil || *t {
			add("automountServiceAccountToken is not false")
		}
		for _, c := range p.spec.InitContainers {
			p.checkContainer(c, false, add)
		}
		for _, c := range p.spec.Containers {
			p.checkContainer(c, p.serves, add)
		}
	}
}

func (p pod) checkContainer(c core.Container, probed bool, addTo func(string, ...any)) {
	add := func(format string, args ...any) { addTo("container "+c.Name+": "+format, args...) }
	checkSettings(c, add)
	checkProbes(c, add)
	if probed && c.LivenessProbe == nil {
		add("no liveness probe")
	}
	if probed && c.ReadinessProbe == nil {
		add("no readiness probe")
	}
	for _, m := range c.VolumeMounts {
		if !p.hasVolume(m.Name) {
			add("there is no volume %s to mount", m.Name)
		}
	}
}

func (p pod) hasVolume(name string) bool {
	return slices.ContainsFunc(p.spec.Volumes, func(v core.Volume) bool { return v.Name == name }) ||
		slices.ContainsFunc(p.claims, func(c core.PersistentVolumeClaim) bool { return c.Name == name })
}

func checkSettings(c core.Container, add func(string, ...any)) {
	name, tag := splitImage(c.Image)
	switch {
	case !slices.Contains(images, name):
		add("image %s is not one of the project's", c.Image)
	case tag == "" || tag == "latest":
		add("image %s has no fixed tag", c.Image)
	}
	if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		add("readOnlyRootFilesystem is not true")
	}
	for _, r := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
		if _, ok := c.Resources.Requests[r]; !ok {
			add("no request of %s", r)
		}
	}
	if _, ok := c.Resources.Limits[core.ResourceMemory]; !ok {
		add("no limit of memory")
	}
}

func checkProbes(c core.Container, add func(string, ...any)) {
	for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe == nil {
			continue
		}
		if get := probe.HTTPGet; get != nil && get.Port.StrVal != "" && !hasPort(c, get.Port) {
			add("a probe asks port %s, which the container does not have", get.Port.StrVal)
		}
		if e := probe.Exec; e != nil && len(e.Command) > 0 && slices.Contains(shells, path.Base(e.Command[0])) {
			add("a probe runs a shell, and the images have none")
		}
	}
}

// splitImage splits the name of an image from its tag or digest.
func splitImage(image string) (name, tag string) {
	if name, digest, ok := strings.Cut(image, "@"); ok {
		name, _ = splitImage(name)
		return name, digest
	}
	slash := strings.LastIndex(image, "/")
	if colon := strings.LastIndex(image, ":"); colon > slash {
		return image[:colon], image[colon+1:]
	}
	return image, ""
}

// checkNamespaces checks that each namespace enforces the "restricted" level.
func (b Build) checkNamespaces(r *Report) {
	for _, o := range b.Objects {
		if n, ok := o.Value.(*core.Namespace); ok && n.Labels[security.EnforceLevelLabel] != string(security.LevelRestricted) {
			r.add(b.where(o), "label "+security.EnforceLevelLabel+" is not restricted")
		}
	}
}
