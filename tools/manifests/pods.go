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

// images are the only ones that manifests may name.
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

// podProblems holds a pod template to the "restricted" level of Pod Security,
// by the code that the API server runs, and to the rules of the house.
func podProblems(p pod) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }

	if found := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &p.meta, &p.spec)); !found.Allowed {
		add("not restricted: %s", found.ForbiddenDetail())
	}
	if t := p.spec.AutomountServiceAccountToken; t == nil || *t {
		add("automountServiceAccountToken is not false")
	}
	volumes := map[string]bool{}
	for _, v := range p.spec.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range p.claims {
		volumes[c.Name] = true
	}
	check := func(c core.Container, probed bool) {
		name, tag := splitImage(c.Image)
		switch {
		case !slices.Contains(images, name):
			add("container %s: image %s is none of the project's", c.Name, c.Image)
		case tag == "" || tag == "latest":
			add("container %s: image %s has no tag that stays", c.Name, c.Image)
		}
		if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			add("container %s: readOnlyRootFilesystem is not true", c.Name)
		}
		for _, r := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
			if _, ok := c.Resources.Requests[r]; !ok {
				add("container %s: no request of %s", c.Name, r)
			}
		}
		if _, ok := c.Resources.Limits[core.ResourceMemory]; !ok {
			add("container %s: no limit of memory", c.Name)
		}
		if probed && c.LivenessProbe == nil {
			add("container %s: no liveness probe", c.Name)
		}
		if probed && c.ReadinessProbe == nil {
			add("container %s: no readiness probe", c.Name)
		}
		for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Port.StrVal != "" && !hasPort(c, probe.HTTPGet.Port.StrVal) {
				add("container %s: a probe asks port %s, which it does not have", c.Name, probe.HTTPGet.Port.StrVal)
			}
			if probe != nil && probe.Exec != nil && len(probe.Exec.Command) > 0 && slices.Contains(shells, path.Base(probe.Exec.Command[0])) {
				add("container %s: a probe runs a shell, and the images have none", c.Name)
			}
		}
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				add("container %s: there is no volume %s to mount", c.Name, m.Name)
			}
		}
	}
	for _, c := range p.spec.InitContainers {
		check(c, false)
	}
	for _, c := range p.spec.Containers {
		check(c, p.serves)
	}
	return all
}

func hasPort(c core.Container, name string) bool {
	return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == name })
}

// splitImage parts name and tag; with a digest, the tag is the digest.
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

// checkNamespaces wants the level enforced where a build makes a namespace.
func (b Build) checkNamespaces(r *Report) {
	for _, o := range b.Objects {
		if n, ok := o.Value.(*core.Namespace); ok && n.Labels[security.EnforceLevelLabel] != string(security.LevelRestricted) {
			r.add(b.Name+": "+o.String(), "label "+security.EnforceLevelLabel+" is not restricted")
		}
	}
}
