package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
)

// scaler is an object that makes a HorizontalPodAutoscaler, or is one.
type scaler struct {
	object     Object
	target     string // "Kind/name"
	autoscaler string // name of the HorizontalPodAutoscaler
}

func (b Build) scalers() []scaler {
	var all []scaler
	for _, o := range b.Objects {
		switch v := o.Value.(type) {
		case *autoscaling.HorizontalPodAutoscaler:
			all = append(all, scaler{o, v.Spec.ScaleTargetRef.Kind + "/" + v.Spec.ScaleTargetRef.Name, o.Name})
		case *keda.ScaledObject:
			if v.Spec.ScaleTargetRef == nil {
				continue
			}
			name := "keda-hpa-" + o.Name
			if a := v.Spec.Advanced; a != nil && a.HorizontalPodAutoscalerConfig != nil && a.HorizontalPodAutoscalerConfig.Name != "" {
				name = a.HorizontalPodAutoscalerConfig.Name
			}
			all = append(all, scaler{o, cmp.Or(v.Spec.ScaleTargetRef.Kind, "Deployment") + "/" + v.Spec.ScaleTargetRef.Name, name})
		}
	}
	return all
}

// checkScaling checks that a workload has one autoscaler: in this build, and also if this build and another one are
// applied one after the other. Two of them would each set the replicas.
func (b Build) checkScaling(builds []Build, r *Report) {
	own := b.scalers()
	for i, s := range own {
		for _, x := range own[:i] {
			if s.target == x.target {
				r.add(b.where(s.object), fmt.Sprintf("%s scales %s, too", x.object, s.target))
			}
		}
		b.checkAutoscaler(s, builds, r)
		b.checkTriggers(s.object, r)
	}
}

// checkAutoscaler checks that the builds give the autoscaler of one workload the same name.
func (b Build) checkAutoscaler(s scaler, builds []Build, r *Report) {
	for _, other := range builds {
		for _, x := range other.scalers() {
			if s.target == x.target && s.autoscaler != x.autoscaler {
				r.add(b.where(s.object), fmt.Sprintf("the autoscaler of %s is named %s, and %s in %s: both would stay if one were applied after the other", s.target, s.autoscaler, x.autoscaler, other.Name))
			}
		}
	}
}

func (b Build) checkTriggers(o Object, r *Report) {
	v, ok := o.Value.(*keda.ScaledObject)
	if !ok {
		return
	}
	for _, t := range v.Spec.Triggers {
		if t.Type == "metrics-api" {
			b.checkTriggerURL(o, t.Metadata["url"], r)
		}
	}
}

// checkTriggerURL checks that the URL of a metrics-api trigger is that of a Service of the build, and of a port that
// it has: http://service.namespace.svc:port/path.
func (b Build) checkTriggerURL(o Object, text string, r *Report) {
	u, err := url.Parse(text)
	if err != nil {
		r.add(b.where(o), err.Error())
		return
	}
	host := strings.Split(u.Hostname(), ".")
	i := slices.IndexFunc(b.Objects, func(s Object) bool {
		return s.Kind == "Service" && len(host) >= 3 && s.Name == host[0] && s.Namespace == host[1] && host[2] == "svc"
	})
	if i < 0 {
		r.add(b.where(o), "there is no Service for "+text)
		return
	}
	service := b.Objects[i].Value.(*core.Service)
	if !slices.ContainsFunc(service.Spec.Ports, func(p core.ServicePort) bool { return fmt.Sprint(p.Port) == cmp.Or(u.Port(), "80") }) {
		r.add(b.where(o), fmt.Sprintf("%s has no port for %s", b.Objects[i], text))
	}
}
