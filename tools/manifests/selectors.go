package main

import (
	"fmt"
	"slices"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkSelectors wants every selector to match something: one for an object's
// own pods in the same build, one for others' (a NetworkPolicy's peers, what a
// monitor scrapes) in any.
func (b Build) checkSelectors(builds []Build, r *Report) {
	own := b.pods()
	var others []pod
	var services []Object
	for _, each := range builds {
		others = append(others, each.pods()...)
		for _, o := range each.Objects {
			if o.Kind == "Service" {
				services = append(services, o)
			}
		}
	}
	for _, o := range b.Objects {
		where := b.Name + ": " + o.String()
		matching := func(what string, selector *meta.LabelSelector, among []pod) []pod {
			found, err := matches(selector, among)
			switch {
			case err != nil:
				r.add(where, fmt.Sprintf("%s: %v", what, err))
			case len(found) == 0:
				r.add(where, what+" matches no pod: "+meta.FormatLabelSelector(selector))
			}
			return found
		}
		switch v := o.Value.(type) {
		case *core.Service:
			if len(v.Spec.Selector) == 0 {
				continue
			}
			found := matching("selector", &meta.LabelSelector{MatchLabels: v.Spec.Selector}, own)
			for _, p := range v.Spec.Ports {
				target := p.TargetPort
				if target == (intstr.IntOrString{}) {
					target = intstr.FromInt32(p.Port)
				}
				wantPort(where, target, found, r)
			}
		case *disruption.PodDisruptionBudget:
			matching("selector", v.Spec.Selector, own)
		case *networking.NetworkPolicy:
			matching("podSelector", &v.Spec.PodSelector, own)
			for _, peer := range peers(v) {
				if peer.PodSelector != nil && peer.NamespaceSelector == nil {
					matching("peer", peer.PodSelector, others)
				}
			}
		case *monitoring.PodMonitor:
			found := matching("selector", &v.Spec.Selector, others)
			for _, e := range v.Spec.PodMetricsEndpoints {
				if e.Port != nil {
					wantPort(where, intstr.FromString(*e.Port), found, r)
				}
			}
		case *monitoring.ServiceMonitor:
			checkServiceMonitor(where, v, services, r)
		case *apps.Deployment:
			wantOwn(where, v.Spec.Selector, v.Spec.Template, r)
		case *apps.StatefulSet:
			wantOwn(where, v.Spec.Selector, v.Spec.Template, r)
		case *apps.DaemonSet:
			wantOwn(where, v.Spec.Selector, v.Spec.Template, r)
		}
	}
	for _, p := range own {
		for _, c := range p.spec.TopologySpreadConstraints {
			wantOwn(b.Name+": "+p.of.String(), c.LabelSelector, core.PodTemplateSpec{ObjectMeta: p.meta}, r)
		}
	}
}

// wantOwn wants a selector to match the very template that it stands beside.
func wantOwn(where string, selector *meta.LabelSelector, template core.PodTemplateSpec, r *Report) {
	found, err := matches(selector, []pod{{meta: template.ObjectMeta}})
	if err != nil || len(found) == 0 {
		r.add(where, "selector does not match its own pods: "+meta.FormatLabelSelector(selector))
	}
}

func matches(selector *meta.LabelSelector, among []pod) ([]pod, error) {
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(among), func(p pod) bool { return !s.Matches(labels.Set(p.meta.Labels)) }), nil
}

// wantPort wants each of the pods to have a container with the port.
func wantPort(where string, port intstr.IntOrString, pods []pod, r *Report) {
	for _, p := range pods {
		if !slices.ContainsFunc(slices.Concat(p.spec.InitContainers, p.spec.Containers), func(c core.Container) bool {
			return slices.ContainsFunc(c.Ports, func(cp core.ContainerPort) bool {
				return port.Type == intstr.String && cp.Name == port.StrVal || port.Type == intstr.Int && cp.ContainerPort == port.IntVal
			})
		}) {
			r.add(where, "port "+port.String()+" is none of "+p.of.String())
		}
	}
}

func peers(n *networking.NetworkPolicy) []networking.NetworkPolicyPeer {
	var all []networking.NetworkPolicyPeer
	for _, rule := range n.Spec.Ingress {
		all = append(all, rule.From...)
	}
	for _, rule := range n.Spec.Egress {
		all = append(all, rule.To...)
	}
	return all
}

func checkServiceMonitor(where string, m *monitoring.ServiceMonitor, services []Object, r *Report) {
	s, err := meta.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil {
		r.add(where, err.Error())
		return
	}
	found := false
	for _, o := range services {
		service := o.Value.(*core.Service)
		if !s.Matches(labels.Set(service.Labels)) {
			continue
		}
		found = true
		for _, e := range m.Spec.Endpoints {
			if e.Port != "" && !slices.ContainsFunc(service.Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port }) {
				r.add(where, "port "+e.Port+" is none of "+o.String())
			}
		}
	}
	if !found {
		r.add(where, "selector matches no Service: "+meta.FormatLabelSelector(&m.Spec.Selector))
	}
}
