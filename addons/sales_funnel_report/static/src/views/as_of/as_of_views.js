import { registry } from "@web/core/registry";
import { GraphController } from "@web/views/graph/graph_controller";
import { graphView } from "@web/views/graph/graph_view";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { PivotController } from "@web/views/pivot/pivot_controller";
import { pivotView } from "@web/views/pivot/pivot_view";

import { AsOfBanner } from "./as_of_banner";

export class AsOfListController extends ListController {
    static template = "sales_funnel_report.AsOfListView";
    static components = { ...ListController.components, AsOfBanner };
}

export class AsOfKanbanController extends KanbanController {
    static template = "sales_funnel_report.AsOfKanbanView";
    static components = { ...KanbanController.components, AsOfBanner };
}

export class AsOfPivotController extends PivotController {
    static template = "sales_funnel_report.AsOfPivotView";
    static components = { ...PivotController.components, AsOfBanner };
}

export class AsOfGraphController extends GraphController {
    static template = "sales_funnel_report.AsOfGraphView";
    static components = { ...GraphController.components, AsOfBanner };
}

const views = registry.category("views");
views.add("as_of_list", { ...listView, Controller: AsOfListController });
views.add("as_of_kanban", { ...kanbanView, Controller: AsOfKanbanController });
views.add("as_of_pivot", { ...pivotView, Controller: AsOfPivotController });
views.add("as_of_graph", { ...graphView, Controller: AsOfGraphController });
