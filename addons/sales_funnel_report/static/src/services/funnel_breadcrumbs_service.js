import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";

const CURRENT_STATE = "current_state";

/** @returns {Object} what the web client keeps of a page that is reloaded */
function readState() {
    return JSON.parse(browser.sessionStorage.getItem(CURRENT_STATE) || "{}");
}

/**
 * The breadcrumbs of a reloaded page know what they showed, but the web client does
 * not write it down again, so that it is lost when the page is reloaded once more.
 * Here it is handed on to the next page, for the funnels that nobody went back to.
 */
export const funnelBreadcrumbsService = {
    start() {
        const kept = readState().actionStack || [];
        if (!kept.some(({ globalState }) => globalState?.funnel)) {
            return;
        }
        browser.addEventListener("pagehide", () => {
            const state = readState();
            const actionStack = state.actionStack?.map((breadcrumb, index) =>
                isSame(breadcrumb, kept[index]) ? kept[index] : breadcrumb
            );
            browser.sessionStorage.setItem(
                CURRENT_STATE,
                JSON.stringify({ ...state, actionStack })
            );
        });
    },
};

/** Whether a breadcrumb, of which little is known, is a funnel that was kept. */
function isSame(breadcrumb, kept) {
    return (
        kept?.globalState?.funnel &&
        !breadcrumb.view_type &&
        kept.action === breadcrumb.action &&
        kept.displayName === breadcrumb.displayName
    );
}

registry.category("services").add("funnel_breadcrumbs", funnelBreadcrumbsService);
