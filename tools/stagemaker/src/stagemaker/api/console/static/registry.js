/* The model registry: groups, their versions, and approval. */

import { call } from "./api.js";
import { badge, element, facts, json, link, row, table, time } from "./dom.js";
import { objectLinks } from "./objects.js";
import { list } from "./paging.js";

const APPROVALS = { Approve: "Approved", Reject: "Rejected" };

export async function groups(view) {
  const { items, controls } = await list(view, "ListModelPackageGroups", { SortBy: "CreationTime" });
  const rows = items.map(({ ModelPackageGroupName: name, CreationTime, ModelPackageGroupDescription }) =>
    row(name, [link(name, "registry", name), time(CreationTime), ModelPackageGroupDescription]));
  return [element("h1", {}, "Model registry"), controls, table("Groups", ["Group", "Created", "Description"], rows)];
}

export async function group(view) {
  const [, name] = view.parts;
  const { ModelPackageGroupDescription } = await call("DescribeModelPackageGroup", { ModelPackageGroupName: name });
  const request = { ModelPackageGroupName: name, SortBy: "CreationTime" };
  const { items, controls } = await list(view, "ListModelPackages", request, { filters: false });
  const rows = items.map((item) => {
    const id = String(item.ModelPackageVersion), created = time(item.CreationTime);
    const version = link(`Version ${id}`, "registry", name, id);
    return row(id, [version, badge(item.ModelApprovalStatus), created, item.ModelPackageDescription, drawApproval(view, item)]);
  });
  const about = facts([["Description", ModelPackageGroupDescription]]);
  return [element("h1", {}, name), about, controls, table("Versions", ["Version", "Approval", "Created", "Description", "Actions"], rows)];
}

export async function version(view) {
  const [, name, id] = view.parts;
  const { ModelPackageGroupArn } = await call("DescribeModelPackageGroup", { ModelPackageGroupName: name });
  const ModelPackageName = `${ModelPackageGroupArn.replace(":model-package-group/", ":model-package/")}/${id}`;
  const details = await call("DescribeModelPackage", { ModelPackageName });
  const metadata = Object.entries(details.CustomerMetadataProperties ?? {}).map((pair) => pair.join(": ")).join(", ");
  return [
    element("h1", {}, `${name}, version ${id} `, badge(details.ModelApprovalStatus)),
    facts([
      ["Created", time(details.CreationTime)], ["Description", details.ModelPackageDescription],
      ["Approval description", details.ApprovalDescription], ["Metadata", metadata],
    ]),
    element("p", { class: "controls" }, drawApproval(view, details)),
    objectLinks(details), json("DescribeModelPackage response", details),
  ];
}

function drawApproval(view, item) {
  return Object.entries(APPROVALS).filter(([, status]) => status !== item.ModelApprovalStatus).map(([label, ModelApprovalStatus]) =>
    view.action(label, () => call("UpdateModelPackage", { ModelPackageArn: item.ModelPackageArn, ModelApprovalStatus })));
}
