package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// images are the only images that manifests may name, each with its programs: there is no shell.
var images = map[string][]string{
	"profile-dashboard": {"/ko-app/profile-dashboard"},
	"profile-streamer":  {"/ko-app/profile-streamer"},
	"profile-worker":    {"/ko-app/profile-worker"},
	"profiles":          {"/ko-app/profiles"},
	"profiles-nats":     {"/ko-app/v2", "/ko-app/nats-health"},
}

const registry = "ghcr.io/cis490"

// fixed is a tag that always names the same image: a release's. The tag dev is for images that were loaded onto the nodes.
var fixed = regexp.MustCompile(`^(v?\d+\.\d+\.\d+([-+][\w.-]+)?|dev)$`)

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
	checkImage(c.Image, add)
	checkSettings(c, add)
	checkProbes(c, add)
	checkPrograms(c, add)
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

// checkImage reports an image that is not the project's, or that can become another one under the same name. An image
// from another registry needs a digest, as make images-push writes it.
func checkImage(image string, add func(string, ...any)) {
	name, tag := splitImage(image)
	pinned := strings.HasPrefix(tag, "sha256:")
	switch {
	case images[path.Base(name)] == nil || path.Dir(name) != registry && !pinned:
		add("image %s is not one of the project's: those of another registry need a digest (make images-push)", image)
	case !pinned && !fixed.MatchString(tag):
		add("image %s has neither a digest nor the version of a release as its tag", image)
	}
}

// imagesBy returns by what the pods name their images: "digest", "tag dev" and so on.
func (b Build) imagesBy() []string {
	var by []string
	for _, p := range b.pods() {
		for _, c := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
			if _, tag := splitImage(c.Image); strings.HasPrefix(tag, "sha256:") {
				by = append(by, "digest")
			} else {
				by = append(by, "tag "+tag)
			}
		}
	}
	slices.Sort(by)
	return slices.Compact(by)
}

func checkSettings(c core.Container, add func(string, ...any)) {
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
	}
}

// checkPrograms reports a probe or a hook that runs a program which the image does not have.
func checkPrograms(c core.Container, add func(string, ...any)) {
	var runs []*core.ExecAction
	for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe != nil {
			runs = append(runs, probe.Exec)
		}
	}
	if c.Lifecycle != nil {
		for _, hook := range []*core.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if hook != nil {
				runs = append(runs, hook.Exec)
			}
		}
	}
	name, _ := splitImage(c.Image)
	for _, e := range runs {
		if e != nil && (len(e.Command) == 0 || !slices.Contains(images[path.Base(name)], e.Command[0])) {
			add("a probe or hook runs %q, but the image has only %q", e.Command, images[path.Base(name)])
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
